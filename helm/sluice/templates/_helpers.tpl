{{/* Name of the chart in labels. */}}
{{- define "sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Prefix of the names of objects. 40 characters leave room for suffixes. */}}
{{- define "sluice.fullname" -}}
{{- $name := include "sluice.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels of every object. */}}
{{- define "sluice.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: sluice
{{ include "sluice.selectorLabels" . }}
{{- end }}

{{/* Labels by which pods of this release are found. */}}
{{- define "sluice.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sluice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The image with Sluice in it. */}}
{{- define "sluice.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{/* `imagePullSecrets:` of a pod, or nothing. */}}
{{- define "sluice.imagePullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Security context of a pod. */}}
{{- define "sluice.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.security.runAsUser }}
runAsGroup: {{ .Values.security.runAsUser }}
fsGroup: {{ .Values.security.fsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Security context of a container. Whole by itself, for containers that an operator puts into pods of its own. */}}
{{- define "sluice.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ .Values.security.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Affinity of a pod with a GPU: the products that it may land on. */}}
{{- define "sluice.gpuAffinity" -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - key: nvidia.com/gpu.product
            operator: In
            values:
              {{- toYaml .Values.gpu.products | nindent 14 }}
{{- end }}

{{/* Tolerations of a pod with a GPU: those for all products, then those of each product. */}}
{{- define "sluice.tolerations" -}}
{{- $all := .Values.gpu.tolerations -}}
{{- range .Values.gpu.products -}}
{{- $all = concat $all (get $.Values.gpu.productTolerations . | default list) -}}
{{- end -}}
{{- toYaml ($all | uniq) -}}
{{- end }}

{{/* Name of the InferenceService. KServe names its pods' label serving.kserve.io/inferenceservice after it. */}}
{{- define "sluice.inferenceService" -}}
{{- default (.Values.serving.model | replace "_" "-") .Values.serving.name -}}
{{- end }}

{{/* `true` where serving holds GPUs, else empty. */}}
{{- define "sluice.servingOnGpu" -}}
{{- if gt (int .Values.gpu.perReplica) 0 }}true{{ end -}}
{{- end }}

{{/* `true` where there is a transformer, else empty. */}}
{{- define "sluice.hasTransformer" -}}
{{- if and .Values.serving.enabled .Values.transformer.enabled (eq .Values.serving.runtime "tfserving") }}true{{ end -}}
{{- end }}

{{/* Name of the store's claim. */}}
{{- define "sluice.storeClaim" -}}
{{- default (printf "%s-store" (include "sluice.fullname" .)) .Values.store.pvc.name -}}
{{- end }}

{{/* Service account of the serving pods. */}}
{{- define "sluice.servingAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (printf "%s-serving" (include "sluice.fullname" .)) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* Name of the work folder's claim. */}}
{{- define "sluice.workClaim" -}}
{{- default (printf "%s-work" (include "sluice.fullname" .)) .Values.work.pvc.name -}}
{{- end }}

{{/* Name of the chart's PriorityClass for `serving`, `training` or `extras`: dict "root" . "of" "serving". Cluster-wide
objects, so the namespace is part of the name. At most 63 characters, since Kueue takes it as a label's value; what is
too long ends in a digest, so that no two are the same. */}}
{{- define "sluice.priorityClass" -}}
{{- $prefix := default (printf "%s-%s" .root.Release.Namespace (include "sluice.fullname" .root)) .root.Values.priorities.prefix -}}
{{- if gt (len $prefix) 54 -}}
{{- $prefix = printf "%s-%s" ($prefix | trunc 45 | trimSuffix "-") ($prefix | sha256sum | trunc 8) -}}
{{- end -}}
{{- printf "%s-%s" $prefix .of -}}
{{- end }}

{{/* PriorityClass of serving pods, or nothing. */}}
{{- define "sluice.servingPriority" -}}
{{- if .Values.serving.priorityClassName -}}
{{- .Values.serving.priorityClassName -}}
{{- else if .Values.priorities.enabled -}}
{{- include "sluice.priorityClass" (dict "root" . "of" "serving") -}}
{{- end -}}
{{- end }}

{{/* How predictor pods are replaced. */}}
{{- define "sluice.servingStrategy" -}}
{{- if .Values.serving.strategy -}}
{{- .Values.serving.strategy -}}
{{- else if include "sluice.servingOnGpu" . -}}
Recreate
{{- else -}}
RollingUpdate
{{- end -}}
{{- end }}

{{/* Service whose pods take callers' requests, in the release's namespace. */}}
{{- define "sluice.frontService" -}}
{{- printf "%s-%s" (include "sluice.inferenceService" .) (ternary "transformer" "predictor" (eq (include "sluice.hasTransformer" .) "true")) -}}
{{- end }}

{{/* `true` where Sluice's own front answers callers: V2, raw readings, keys; empty where TensorFlow Serving itself does. */}}
{{- define "sluice.hasFront" -}}
{{- if or (include "sluice.hasTransformer" .) (eq .Values.serving.runtime "inprocess") }}true{{ end -}}
{{- end }}

{{/* Port of PredictionService on the front's Service. */}}
{{- define "sluice.predictPort" -}}
{{- if include "sluice.hasFront" . }}8500{{ else }}9000{{ end -}}
{{- end }}

{{/* Name of the ServingRuntime. */}}
{{- define "sluice.runtime" -}}
{{- printf "%s-%s" (include "sluice.fullname" .) .Values.serving.runtime -}}
{{- end }}

{{/* `storageUri` of the store. */}}
{{- define "sluice.storageUri" -}}
{{- if eq .Values.store.kind "s3" -}}
{{- .Values.store.s3.uri -}}
{{- else -}}
{{- printf "pvc://%s%s" (include "sluice.storeClaim" .) (ternary (printf "/%s" .Values.store.pvc.path) "" (ne .Values.store.pvc.path "")) -}}
{{- end -}}
{{- end }}

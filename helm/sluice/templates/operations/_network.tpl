{{/* Labels of the serving pods of a kind: dict "root" . "of" "predictor". KServe sets them. */}}
{{- define "sluice.servingPods" -}}
serving.kserve.io/inferenceservice: {{ include "sluice.inferenceService" .root }}
component: {{ .of }}
{{- end }}

{{/* Labels of this release's other pods of a kind: dict "root" . "of" "batch". */}}
{{- define "sluice.ownPods" -}}
{{ include "sluice.selectorLabels" .root }}
app.kubernetes.io/component: {{ .of }}
{{- end }}

{{/* Labels of pipeline steps. */}}
{{- define "sluice.stepPods" -}}
{{- toYaml (default (dict "pipelines.kubeflow.org/v2_component" "true") .Values.networkPolicy.steps.podLabels) -}}
{{- end }}

{{/* Kind of the pods that take callers' requests. */}}
{{- define "sluice.frontPods" -}}
{{- ternary "transformer" "predictor" (eq (include "sluice.hasTransformer" .) "true") -}}
{{- end }}

{{/* Ports, as a policy lists them: a list of numbers. */}}
{{- define "sluice.policyPorts" -}}
{{- range . }}
- protocol: TCP
  port: {{ . }}
{{- end }}
{{- end }}

{{/* Ports of the front, those who may tell TensorFlow Serving what to load included: JSON list. */}}
{{- define "sluice.trustedPorts" -}}
{{- ternary (list 8080 8081 8500) (list 8080 9000) (eq (include "sluice.hasFront" .) "true") | toJson -}}
{{- end }}

{{/* Ports of the front for everybody who may ask: JSON list. */}}
{{- define "sluice.callersPorts" -}}
{{- if include "sluice.hasFront" . -}}
[8080, 8081, 8500]
{{- else -}}
{{- ternary (list 8080 9000) (list 8080) .Values.networkPolicy.callersReachModelService | toJson -}}
{{- end -}}
{{- end }}

{{/* Callers, as peers. */}}
{{- define "sluice.callers" -}}
{{- with .Values.networkPolicy.gatewayNamespaces }}
- namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end }}
{{- with .Values.networkPolicy.callers }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Rule that lets Prometheus read the metrics. */}}
{{- define "sluice.scrapeRule" -}}
{{- with .Values.networkPolicy.prometheusNamespaces }}
- from:
    - namespaceSelector:
        matchExpressions:
          - key: kubernetes.io/metadata.name
            operator: In
            values:
              {{- toYaml . | nindent 14 }}
  ports:
    {{- include "sluice.policyPorts" (list 8080) | nindent 4 }}
{{- end }}
{{- end }}

{{/* Rules that let callers, steps, batch prediction and `helm test` ask the front. */}}
{{- define "sluice.frontRules" -}}
{{- with include "sluice.callers" . }}
- from:
    {{- . | nindent 4 }}
  ports:
    {{- include "sluice.policyPorts" (include "sluice.callersPorts" $ | fromJsonArray) | nindent 4 }}
{{- end }}
- from:
    - podSelector:
        matchLabels:
          {{- include "sluice.stepPods" . | nindent 10 }}
    {{- range $kind := list "batch" "test" }}
    - podSelector:
        matchLabels:
          {{- include "sluice.ownPods" (dict "root" $ "of" $kind) | nindent 10 }}
    {{- end }}
  ports:
    {{- include "sluice.policyPorts" (include "sluice.trustedPorts" . | fromJsonArray) | nindent 4 }}
{{- end }}

{{/* Egress rule for names. */}}
{{- define "sluice.dnsRule" -}}
{{- with .Values.networkPolicy.dns }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace }}
      podSelector:
        matchLabels:
          {{- toYaml (default (dict "k8s-app" "kube-dns") .podLabels) | nindent 10 }}
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    {{- range .ports }}
    - protocol: UDP
      port: {{ . }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end }}
{{- end }}

{{/* Egress rule to the front. */}}
{{- define "sluice.toFrontRule" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "sluice.servingPods" (dict "root" . "of" (include "sluice.frontPods" .)) | nindent 10 }}
  ports:
    {{- include "sluice.policyPorts" (include "sluice.trustedPorts" . | fromJsonArray) | nindent 4 }}
{{- end }}

{{/* Head of a policy: dict "root" . "of" "predictor". */}}
{{- define "sluice.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "sluice.fullname" .root }}-{{ .of }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "sluice.labels" .root | nindent 4 }}
    app.kubernetes.io/component: network
{{- end }}

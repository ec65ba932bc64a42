{{/* Address that batch prediction asks. */}}
{{- define "sluice.batchUrl" -}}
grpc://{{ include "sluice.frontService" . }}.{{ .Release.Namespace }}:{{ ternary "8081" "9000" (eq (include "sluice.hasFront" .) "true") }}
{{- end }}

{{/* Claims of the batch's pod, each once: JSON list. */}}
{{- define "sluice.batchClaims" -}}
{{- $claims := list -}}
{{- if eq .Values.store.kind "pvc" }}{{ $claims = append $claims (include "sluice.storeClaim" .) }}{{ end -}}
{{- range list .Values.batch.readings.claim .Values.batch.out.claim -}}
{{- if . }}{{ $claims = append $claims . }}{{ end -}}
{{- end -}}
{{- $claims | uniq | toJson -}}
{{- end }}

{{/* Name of a claim's volume: dict "root" . "claim" "name". */}}
{{- define "sluice.batchVolume" -}}
{{- range $index, $claim := include "sluice.batchClaims" .root | fromJsonArray -}}
{{- if eq $claim $.claim }}claim-{{ $index }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Arguments of `sluice predict-batch`. The URLs of databases come from the environment, which Secrets fill. */}}
{{- define "sluice.batchArgs" -}}
{{- $own := .Values.batch -}}
- sluice
- predict-batch
{{- if $own.readings.urlSecret }}
- $(READINGS_URL)
- --query={{ $own.readings.query }}
{{- else }}
- {{ printf "/data/readings/%s" $own.readings.path | trimSuffix "/" }}
{{- end }}
{{- if $own.out.urlSecret }}
- --out=$(OUT_URL)
- --table={{ $own.out.table }}
{{- else }}
- --out={{ printf "/data/out/%s" $own.out.path | trimSuffix "/" }}
{{- end }}
- --model={{ default .Values.serving.model $own.model }}
- --batch-size={{ int $own.batchSize }}
{{- if eq .Values.store.kind "pvc" }}
- --store=/mnt/models
{{- else }}
- --dataset=/etc/sluice/dataset/dataset.yaml
{{- end }}
{{- if eq $own.asks "service" }}
- --url={{ include "sluice.batchUrl" . }}
- --protocol={{ ternary "v2-grpc" "tfserving" (eq (include "sluice.hasFront" .) "true") }}
{{- if $own.keySecret }}
- --key-file=/etc/sluice/key/key
{{- end }}
{{- end }}
{{- with $own.series }}
- --series={{ . }}
{{- end }}
{{- if $own.newSeries }}
- --new-series
{{- end }}
- --json
{{- end }}

{{/* Mounts of the batch's container. */}}
{{- define "sluice.batchMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if eq .Values.store.kind "pvc" }}
- name: {{ include "sluice.batchVolume" (dict "root" . "claim" (include "sluice.storeClaim" .)) }}
  mountPath: /mnt/models
  {{- with .Values.store.pvc.path }}
  subPath: {{ . }}
  {{- end }}
  readOnly: true
{{- else }}
- name: dataset
  mountPath: /etc/sluice/dataset
  readOnly: true
{{- end }}
{{- with .Values.batch.readings.claim }}
- name: {{ include "sluice.batchVolume" (dict "root" $ "claim" .) }}
  mountPath: /data/readings
  readOnly: true
{{- end }}
{{- with .Values.batch.out.claim }}
- name: {{ include "sluice.batchVolume" (dict "root" $ "claim" .) }}
  mountPath: /data/out
{{- end }}
{{- if .Values.batch.keySecret }}
- name: key
  mountPath: /etc/sluice/key
  readOnly: true
{{- end }}
{{- end }}

{{/* Volumes of the batch's pod. */}}
{{- define "sluice.batchVolumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- range include "sluice.batchClaims" . | fromJsonArray }}
- name: {{ include "sluice.batchVolume" (dict "root" $ "claim" .) }}
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- if ne .Values.store.kind "pvc" }}
- name: dataset
  configMap:
    name: {{ .Values.batch.datasetConfigMap }}
{{- end }}
{{- with .Values.batch.keySecret }}
- name: key
  secret:
    secretName: {{ . }}
{{- end }}
{{- end }}

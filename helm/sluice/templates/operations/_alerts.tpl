{{/* Alerts of a group: a YAML list of alert, expr, for, severity, summary, description. `{{ $labels }}` is Prometheus'
own, and passed on. */}}
{{- define "sluice.alerts.serving" -}}
{{- $own := include "sluice.own" . -}}
{{- $rules := .Values.monitoring.rules -}}
{{- if include "sluice.hasFront" . }}
- alert: SluiceNoChampion
  expr: absent(sluice_champion_version{ {{- $own }}, model="{{ .Values.serving.model }}"})
  for: 5m
  severity: critical
  summary: No champion of {{ .Values.serving.model }} serves
  description: No server says which version of {{ .Values.serving.model }} it serves. Look at the pods of {{ include "sluice.inferenceService" . }} and at the store's champion.json.
- alert: SluiceVersionRefused
  expr: max by (model, version, reason) (sluice_version_refused{ {{- $own }}}) > 0
  for: 1m
  severity: warning
  summary: Version {{ `{{ $labels.version }}` }} of {{ `{{ $labels.model }}` }} is refused
  description: "The server does not load it: {{ `{{ $labels.reason }}` }}. The version before keeps serving. Publish it again, or roll back."
- alert: SluiceChampionOld
  expr: time() - max by (model) (sluice_champion_promoted_timestamp_seconds{ {{- $own }}}) > {{ mul $rules.championMaxAgeDays 86400 }}
  for: 1h
  severity: warning
  summary: The champion of {{ `{{ $labels.model }}` }} is older than {{ $rules.championMaxAgeDays }} days
  description: No new version passed the gate since then. Look at the last training runs.
- alert: SluiceErrors
  expr: >-
    sum(rate(sluice_errors_total{ {{- $own }}, kind=~"backend|internal|timeout"}[5m]))
    / ((sum(rate(sluice_requests_total{ {{- $own }}}[5m])) or vector(0)) + sum(rate(sluice_errors_total{ {{- $own }}}[5m])))
    > {{ $rules.errorRatio }}
  for: 5m
  severity: critical
  summary: More than {{ mulf $rules.errorRatio 100 }} % of the requests fail
  description: The share of requests that failed through the server's fault is {{ `{{ $value | humanizePercentage }}` }}.
- alert: SluiceSlow
  expr: histogram_quantile(0.99, sum by (le, model) (rate(sluice_request_seconds_bucket{ {{- $own }}}[5m]))) > {{ $rules.latencySeconds }}
  for: 10m
  severity: warning
  summary: "{{ `{{ $labels.model }}` }} answers slowly"
  description: 99 of 100 answers took up to {{ `{{ $value | humanizeDuration }}` }}; {{ $rules.latencySeconds }} s are promised.
- alert: SluiceBusy
  expr: sum(rate(sluice_errors_total{ {{- $own }}, kind="busy"}[5m])) > 0
  for: 5m
  severity: warning
  summary: Requests are sent away because the server is busy
  description: "{{ `{{ $value | humanize }}` }} requests a second are told to come again. Add replicas, or ask in larger batches."
{{- end }}
{{- if eq .Values.serving.runtime "tfserving" }}
- alert: SluiceTensorFlowServingErrors
  expr: >-
    sum by (model_name) (rate(:tensorflow:serving:request_count{ {{- $own }}, status!="OK"}[5m]))
    / sum by (model_name) (rate(:tensorflow:serving:request_count{ {{- $own }}}[5m]))
    > {{ $rules.errorRatio }}
  for: 5m
  severity: critical
  summary: TensorFlow Serving fails for {{ `{{ $labels.model_name }}` }}
  description: The share of its requests that fail is {{ `{{ $value | humanizePercentage }}` }}.
{{- end }}
{{- end }}

{{- define "sluice.alerts.forecasts" -}}
{{- $own := include "sluice.own" . -}}
{{- $rules := .Values.monitoring.rules -}}
{{- if include "sluice.hasFront" . }}
- alert: SluiceReadingsOld
  expr: time() - max by (model, series) (sluice_newest_reading_timestamp_seconds{ {{- $own }}}) > {{ $rules.readingMaxAgeSeconds }}
  for: 1m
  severity: critical
  summary: No new readings of {{ `{{ $labels.series }}` }}
  description: The newest reading of {{ `{{ $labels.series }}` }} ({{ `{{ $labels.model }}` }}) is {{ `{{ $value | humanizeDuration }}` }} old. Forecasts start from it.
- alert: SluiceSpikeLikely
  expr: max by (model, series) (sluice_spike_probability{ {{- $own }}}) >= {{ $rules.spikeProbability }}
  for: 0s
  severity: info
  summary: A spike of {{ `{{ $labels.series }}` }} is likely
  description: "The probability is {{ `{{ $value | humanizePercentage }}` }} ({{ `{{ $labels.model }}` }})."
{{- end }}
{{- end }}

{{- define "sluice.alerts.batch" -}}
{{- if .Values.batch.enabled }}
{{- $job := printf "namespace=\"%s\", cronjob=\"%s-batch\"" .Release.Namespace (include "sluice.fullname" .) }}
- alert: SluiceBatchLate
  expr: time() - max(kube_cronjob_status_last_successful_time{ {{- $job }}}) > {{ int .Values.monitoring.rules.batchMaxAgeSeconds }}
  for: 1m
  severity: critical
  summary: Batch prediction is late
  description: "The last run that finished is {{ `{{ $value | humanizeDuration }}` }} ago. See: kubectl -n {{ .Release.Namespace }} get jobs"
{{- end }}
{{- end }}

{{- define "sluice.alerts.gpu" -}}
{{- with .Values.monitoring.rules.gpuMaxCelsius }}
- alert: SluiceGpuHot
  expr: max by (Hostname, gpu) (DCGM_FI_DEV_GPU_TEMP) >= {{ . }}
  for: 5m
  severity: warning
  summary: GPU {{ `{{ $labels.gpu }}` }} of {{ `{{ $labels.Hostname }}` }} is hot
  description: It has {{ `{{ $value }}` }} degrees Celsius.
{{- end }}
{{- end }}

{{/* One endpoint of a monitor: dict "own" (values of the monitor) "of" ("pod" or "service"). */}}
{{- define "sluice.scrapeEndpoint" -}}
- port: http
  path: /metrics
  interval: {{ .own.interval }}
  {{- with .own.keySecret }}
  authorization:
    credentials:
      name: {{ . }}
      key: key
  {{- end }}
  relabelings:
    # KServe's name of the service, so that the alerts find their own and no others.
    - sourceLabels: [__meta_kubernetes_{{ .of }}_label_serving_kserve_io_inferenceservice]
      targetLabel: inferenceservice
    - sourceLabels: [__meta_kubernetes_{{ .of }}_label_component]
      targetLabel: component
{{- end }}

{{/* Which series are this release's, in PromQL. */}}
{{- define "sluice.own" -}}
namespace="{{ .Release.Namespace }}", inferenceservice="{{ include "sluice.inferenceService" . }}"
{{- end }}

{{/* A quantity as a whole number of thousandths, of cores or of bytes: "500m" is 500, "2" is 2000, "1Ki" is 1024000. */}}
{{- define "sluice.thousandths" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text -}}
{{- $units := dict "" 1000 "m" 1 "k" 1000000 "M" 1000000000 "G" 1000000000000 "T" 1000000000000000 "Ki" 1024000 "Mi" 1048576000 "Gi" 1073741824000 "Ti" 1099511627776000 -}}
{{- mulf $number (get $units (trimPrefix $number $text) | default 1000) | floor | int64 -}}
{{- end }}

{{/* What serving asks for at once, in thousandths: dict "root" . "kind" "requests" "of" "cpu". */}}
{{- define "sluice.servingNeeds" -}}
{{- $v := .root.Values -}}
{{- $sum := 0 -}}
{{- if $v.serving.enabled -}}
{{- $replicas := ternary (int $v.autoscaling.maxReplicas) (int $v.serving.replicas) $v.autoscaling.enabled -}}
{{- $surge := ternary (int $v.serving.maxSurge) 0 (eq (include "sluice.servingStrategy" .root) "RollingUpdate") -}}
{{- $sum = mul (add $replicas $surge) (include "sluice.thousandths" (get (get $v.serving.resources .kind) .of) | int64) -}}
{{- if include "sluice.hasTransformer" .root -}}
{{- $sum = add $sum (mul $v.transformer.replicas (include "sluice.thousandths" (get (get $v.transformer.resources .kind) .of) | int64)) -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end }}

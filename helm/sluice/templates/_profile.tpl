{{/* Preset of the pipelines that fits the values; profile `cpu` serves without a card and may train on some. */}}
{{- define "sluice.preset" -}}
{{- if ne .Values.profile "cpu" -}}
{{- .Values.profile -}}
{{- else if eq (int .Values.gpu.cards) 0 -}}
cpu
{{- else -}}
{{- ternary "shared" "dedicated" (eq (int .Values.gpu.cards) 1) -}}
{{- end -}}
{{- end }}

{{/* Puts this release's claims where the settings of a step name those of a release `sluice`; renders nothing: dict
"root" . "of" SETTINGS. */}}
{{- define "sluice.setClaims" -}}
{{- $root := .root -}}
{{- range $mount := .of.mounts -}}
{{- if eq $mount.claim "sluice-work" -}}
{{- $_ := set $mount "claim" (include "sluice.workClaim" $root) -}}
{{- else -}}
{{- $_ := set $mount "claim" (include "sluice.storeClaim" $root) -}}
{{- with $root.Values.store.pvc.path }}{{ $_ := set $mount "sub_path" . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Puts this release's cards, tolerations and queue into the settings of step `train`; renders nothing: dict "root" .
"of" SETTINGS. */}}
{{- define "sluice.setCards" -}}
{{- $queue := "kueue.x-k8s.io/queue-name" -}}
{{- $_ := set .of.accelerator "count" (int .root.Values.quota.trainingGpus) -}}
{{- $_ := set .of.accelerator "products" .root.Values.gpu.products -}}
{{- $_ := set .of "tolerations" (include "sluice.tolerations" .root | fromYamlArray) -}}
{{- if hasKey (.of.labels | default dict) $queue }}{{ $_ := set .of.labels $queue (include "sluice.fullname" .root) }}{{ end -}}
{{- end }}

{{/* Puts this release's service into a profile: whom the smoke test asks, and with which key; nobody where it has none.
Renders nothing: dict "root" . "of" PROFILE. */}}
{{- define "sluice.setService" -}}
{{- $v := .root.Values -}}
{{- $service := include "sluice.frontService" .root -}}
{{- if and $v.serving.enabled (or (not $v.serving.keysSecret) $v.tests.keySecret) -}}
{{- $_ := set .of.serving "rest" (printf "http://%s" $service) -}}
{{- $_ := set .of.serving "grpc" (printf "grpc://%s:%s" $service (include "sluice.predictPort" .root)) -}}
{{- if $v.serving.keysSecret -}}
{{- $_ := set .of.serving "key_file" "/etc/sluice/key/key" -}}
{{- $_ := set .of.steps.smoke_test "secrets" (list (dict "secret" $v.tests.keySecret "path" "/etc/sluice/key")) -}}
{{- end -}}
{{- else -}}
{{- $_ := unset .of "serving" -}}
{{- end -}}
{{- end }}

{{/* The pipelines' profile of this release: a preset with the release's names and what the values say of training. */}}
{{- define "sluice.pipelinesProfile" -}}
{{- $own := .Values.training -}}
{{- $preset := include "sluice.preset" . -}}
{{- $profile := .Files.Get (printf "files/profiles/%s.yaml" $preset) | fromYaml -}}
{{- range concat (list $profile.defaults) (values $profile.steps) (values ($profile.members | default dict)) -}}
{{- include "sluice.setClaims" (dict "root" $ "of" .) -}}
{{- end -}}
{{- if ne $preset "cpu" }}{{ include "sluice.setCards" (dict "root" . "of" $profile.steps.train) }}{{ end -}}
{{- include "sluice.setService" (dict "root" . "of" $profile) -}}
{{- $_ := set $profile "description" (printf "release %s in namespace %s" .Release.Name .Release.Namespace) -}}
{{- $_ := set $profile "image" (include "sluice.image" .) -}}
{{- $_ := set $profile "image_pull_policy" .Values.image.pullPolicy -}}
{{- $_ := set $profile "image_pull_secrets" .Values.image.pullSecrets -}}
{{- $_ := set $profile "gpu_trainings_at_once" (int $own.gpuAtOnce) -}}
{{- $_ := set $profile "cpu_trainings_at_once" (int $own.cpuAtOnce) -}}
{{- $_ := set $profile "budget_minutes" $own.budgetMinutes -}}
{{- $training := dict "precision" $own.precision "window" $own.window "timezone" $own.timeZone -}}
{{- with $own.batch }}{{ $_ := set $training "batch" (int .) }}{{ end -}}
{{- with $own.microBatch }}{{ $_ := set $training "micro_batch" (int .) }}{{ end -}}
{{- $_ := set $profile "training" $training -}}
{{- toYaml $profile -}}
{{- end }}

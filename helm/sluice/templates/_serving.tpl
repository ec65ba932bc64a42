{{/* Labels of an InferenceService, which KServe copies to its pods: none that changes with the chart's version, since
each change replaces the pods. */}}
{{- define "sluice.stableLabels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: sluice
{{ include "sluice.selectorLabels" . }}
{{- end }}

{{/* Runs its arguments as soon as the store has a champion: no server starts without a model. */}}
{{- define "sluice.whenStoreHasChampion" -}}
- /bin/sh
- -c
- |-
  trap 'exit 0' TERM
  test -f /mnt/models/models.config || echo "waiting for the first champion: /mnt/models/models.config"
  until test -f /mnt/models/models.config; do sleep 2 & wait $!; done
  trap - TERM
  exec "$@"
- sh
{{- end }}

{{/* Arguments of tensorflow_model_server: those of serving/tfserving/config.py, in its order. */}}
{{- define "sluice.tfservingArgs" -}}
{{- $own := .Values.serving.tfserving -}}
- /usr/bin/tensorflow_model_server
- --port=9000
- --rest_api_port=8080
- --rest_api_timeout_in_ms={{ int $own.restTimeoutMs }}
- --grpc_max_threads={{ int $own.grpcMaxThreads }}
- --grpc_channel_arguments=grpc.so_reuseport=0
- --enable_grpc_healthcheck_service=true
- --enable_profiler=false
- --enable_serialization_as_tensor_content=false
- --model_config_file_poll_wait_seconds={{ int $own.pollSeconds }}
- --file_system_poll_wait_seconds=1
- --enable_model_warmup=true
- --num_load_threads=1
- --num_unload_threads=1
- --max_num_load_retries=1
- --load_retry_interval_micros=1000000
{{- if and (include "sluice.servingOnGpu" .) $own.gpuMemoryFraction }}
- --per_process_gpu_memory_fraction={{ $own.gpuMemoryFraction }}
{{- end }}
{{- with int $own.intraOpThreads }}
- --tensorflow_intra_op_parallelism={{ . }}
{{- end }}
{{- with int $own.interOpThreads }}
- --tensorflow_inter_op_parallelism={{ . }}
{{- end }}
- --model_config_file=/mnt/models/models.config
- --monitoring_config_file=/etc/sluice/monitoring.config
{{- if $own.batching.enabled }}
- --enable_batching=true
- --batching_parameters_file=/etc/sluice/batching.config
{{- end }}
{{- end }}

{{/* BatchingParameters in protobuf text form: as serving/tfserving/batching.py writes them. */}}
{{- define "sluice.batchingConfig" -}}
{{- $own := .Values.serving.tfserving.batching -}}
max_batch_size { value: {{ int $own.maxBatchSize }} }
batch_timeout_micros { value: {{ int $own.batchTimeoutMicros }} }
max_enqueued_batches { value: {{ int $own.maxEnqueuedBatches }} }
num_batch_threads { value: {{ int $own.numBatchThreads }} }
max_execution_batch_size { value: {{ last $own.allowedBatchSizes | int }} }
enable_large_batch_splitting { value: true }
thread_pool_name { value: "forecast_batches" }
{{- range append $own.allowedBatchSizes $own.maxBatchSize | uniq }}
allowed_batch_sizes: {{ int . }}
{{- end }}
{{- end }}

{{/* MonitoringConfig in protobuf text form: as serving/tfserving/monitoring.py writes it. */}}
{{- define "sluice.monitoringConfig" -}}
prometheus_config {
  enable: true
  path: "/metrics"
}
{{- end }}

{{/* Arguments of Sluice's own server. */}}
{{- define "sluice.inprocessArgs" -}}
- sluice
- serve
- --store=/mnt/models
- --http-port=8080
- --grpc-port=8081
- --predict-port=8500
- --log=json
- --max-in-flight={{ int .Values.serving.inprocess.maxInFlight }}
- --max-queue={{ int .Values.serving.inprocess.maxQueue }}
- --drain-delay-seconds=5
{{- with .Values.serving.maxAgeSeconds }}
- --max-age-seconds={{ . }}
{{- end }}
{{- if .Values.serving.keysSecret }}
- --keys=/etc/sluice/keys/keys
{{- end }}
{{- end }}

{{/* Ports of Sluice's front. The first becomes port 80 of the Service; of `Knative` it is the only one. */}}
{{- define "sluice.frontPorts" -}}
- name: http
  containerPort: 8080
  protocol: TCP
{{- if eq .Values.serving.deploymentMode "Standard" }}
- name: grpc-v2
  containerPort: 8081
  protocol: TCP
- name: grpc-predict
  containerPort: 8500
  protocol: TCP
{{- end }}
{{- end }}

{{/* Probes of Sluice's front: ready when the model is; where callers need keys, when all models are. */}}
{{- define "sluice.frontProbes" -}}
startupProbe:
  tcpSocket:
    port: 8080
  periodSeconds: 5
  # The ports open with the first model: a day for the first training.
  failureThreshold: 17280
livenessProbe:
  httpGet:
    path: /v2/health/live
    port: 8080
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: {{ ternary "/v2/health/ready" (printf "/v2/models/%s/ready" .Values.serving.model) (ne .Values.serving.keysSecret "") }}
    port: 8080
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{/* Files of Sluice's front beside the store. */}}
{{- define "sluice.frontMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.serving.keysSecret }}
- name: keys
  mountPath: /etc/sluice/keys
  readOnly: true
{{- end }}
{{- end }}

{{- define "sluice.frontVolumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- with .Values.serving.keysSecret }}
- name: keys
  secret:
    secretName: {{ . }}
{{- end }}
{{- end }}

{{/* Environment of a container with the image of Sluice in it. */}}
{{- define "sluice.environment" -}}
- name: HOME
  value: /tmp
- name: TF_CPP_MIN_LOG_LEVEL
  value: "3"
{{- end }}

{{- define "wirewatch.fullname" -}}
{{- if contains "wirewatch" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-wirewatch" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "wirewatch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/name: wirewatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "wirewatch.selector" -}}
app.kubernetes.io/name: wirewatch
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .worker }}
{{- end }}

{{- define "wirewatch.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "wirewatch.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "wirewatch.fullname" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "wirewatch.watchlistsMap" -}}
{{- if .Values.existingWatchlists }}{{ .Values.existingWatchlists }}
{{- else if .Values.watchlists }}{{ include "wirewatch.fullname" . }}-watchlists{{ end }}
{{- end }}

{{/* Environment of a container. The pod's name comes first: static membership refers to it. */}}
{{- define "wirewatch.env" -}}
{{- $settings := .settings }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: WIREWATCH_CONFIG, value: /etc/wirewatch/wirewatch.toml}
- {name: WIREWATCH_BROKERS, value: {{ .root.Values.kafka.brokers | quote }}}
- {name: WIREWATCH_PORT, value: {{ .root.Values.port | quote }}}
{{- if include "wirewatch.watchlistsMap" .root }}
- {name: WIREWATCH_WATCHLISTS, value: '["/etc/wirewatch/watchlists"]'}
{{- end }}
{{- if eq $settings.kind "StatefulSet" }}
- {name: WIREWATCH_KAFKA__CONSUMER, value: '{"group_instance_id": "$(POD_NAME)"}'}
{{- end }}
{{- range $name, $value := $settings.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range .root.Values.secrets }}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}, optional: false}}
{{- end }}
{{- end }}

{{- define "wirewatch.volumeMounts" -}}
- {name: config, mountPath: /etc/wirewatch/wirewatch.toml, subPath: wirewatch.toml, readOnly: true}
{{- /* The whole folder, never a subPath: those are not updated. */}}
{{- if include "wirewatch.watchlistsMap" . }}
- {name: watchlists, mountPath: /etc/wirewatch/watchlists, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- range .Values.mounts }}
- {name: {{ .name }}, mountPath: {{ .mountPath }}, readOnly: true}
{{- end }}
{{- end }}

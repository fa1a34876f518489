{{/* What no schema can say: values that are wrong only beside others. Each message names the key. */}}
{{- define "wirewatch.check" -}}
{{- range $worker := list "enrich" "alert" "deliver" }}
{{- $settings := index $.Values $worker }}
{{- $scaled := $settings.autoscaling }}
{{- if and $settings.enabled $scaled.enabled }}
{{- if eq $settings.kind "StatefulSet" }}
{{- fail (printf "%s.kind: a StatefulSet has static members, which leave partitions idle on every scale-in: expected kind Deployment with %s.autoscaling.enabled" $worker $worker) }}
{{- end }}
{{- if gt (int $scaled.minReplicas) (int $scaled.maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas: expected at most maxReplicas, %d" $worker (int $scaled.maxReplicas)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.deliver.enabled }}
{{- if and .Values.deliver.autoscaling.enabled (not .Values.deliver.autoscaling.groups) }}
{{- fail "deliver.autoscaling.groups: expected the consumer groups of the routes" }}
{{- end }}
{{- if not (include "wirewatch.routes" .) }}
{{- fail "config: deliver.enabled: expected at least one [[deliver.route]]" }}
{{- end }}
{{- end }}
{{- if and .Values.watchlists .Values.existingWatchlists }}
{{- fail "existingWatchlists: watchlists are given, too: expected one of the two" }}
{{- end }}
{{- end }}

{{/* Whether anything speaks of routes: the config, a variable, or a secret that becomes one. */}}
{{- define "wirewatch.routes" -}}
{{- $variables := keys .Values.deliver.env }}
{{- range .Values.secrets }}{{ $variables = append $variables .variable }}{{ end }}
{{- if or (regexMatch "(?m)^[^#\n]*\\bdeliver\\b" .Values.config) (regexMatch "(?i)WIREWATCH_(DELIVER|SECRETS_DIR)" (join " " $variables)) }}yes{{ end }}
{{- end }}

{{- define "tenant.zones" -}}
mynumber lgwan internet
{{- end }}
{{/* Labels of every object; call with (dict "root" $ "zone" zone). */}}
{{- define "tenant.labels" -}}
app.kubernetes.io/name: {{ .app | default "ground" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: mcloud
app.kubernetes.io/component: tenant
mcloud/tenant: {{ .root.Values.tenant | quote }}
mcloud/zone: {{ .zone }}
{{- end }}

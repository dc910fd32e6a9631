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
{{/* Amounts as the API server writes them, so that what stands equals the manifest: mebibytes, thousandths of a processor. */}}
{{- define "tenant.mib" -}}
{{ if mod . 1024 }}{{ . }}Mi{{ else }}{{ div . 1024 }}Gi{{ end }}
{{- end }}
{{- define "tenant.cpu" -}}
{{ if mod . 1000 }}{{ . }}m{{ else }}{{ div . 1000 | quote }}{{ end }}
{{- end }}

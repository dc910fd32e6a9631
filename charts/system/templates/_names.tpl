{{/* Labels of every object; the selector is the part that never changes. */}}
{{- define "system.selector" -}}
app.kubernetes.io/name: {{ .Values.process }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "system.labels" -}}
{{ include "system.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: mcloud
app.kubernetes.io/component: process
mcloud/tenant: {{ .Values.tenant | quote }}
mcloud/zone: {{ .Values.zone }}
{{- include "system.systems" .Values.config.systems }}
{{- end }}
{{/* Call with a list of names of systems. */}}
{{- define "system.systems" -}}
{{- range . }}
mcloud/system-{{ . | replace "_" "-" }}: "true"
{{- end }}
{{- end }}
{{- define "system.namespace" -}}
t-{{ .Values.tenant }}-{{ .Values.zone }}
{{- end }}

{{/* A job's pods carry another name: the process's doors are not theirs. Call with (dict "root" $ "systems" names). */}}
{{- define "system.jobLabels" -}}
app.kubernetes.io/name: {{ .root.Values.process }}-job
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: mcloud
app.kubernetes.io/component: job
mcloud/tenant: {{ .root.Values.tenant | quote }}
mcloud/zone: {{ .root.Values.zone }}
{{- include "system.systems" .systems }}
{{- end }}

{{- define "system.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: process
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "system.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The pod starts nothing before its walls stand: a forbidden connect must have been refused. */}}
{{- define "system.wall" -}}
- name: wall
  image: {{ .Values.image }}
  args: [infra.wall]
  resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 64Mi}}
  {{- include "system.containerSecurity" . | nindent 2 }}
{{- end }}

{{- define "system.volumes" -}}
- name: config
  configMap: {name: {{ .Values.process }}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- end }}
{{- define "system.mounts" -}}
- {name: config, mountPath: /etc/mcloud, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

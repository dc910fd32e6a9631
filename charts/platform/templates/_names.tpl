{{/* Call with (dict "root" $ "app" app). */}}
{{- define "platform.selector" -}}
app.kubernetes.io/name: {{ .app }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
{{- define "platform.labels" -}}
{{ include "platform.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: mcloud
app.kubernetes.io/component: platform
mcloud/zone: platform
{{- end }}
{{- define "platform.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "platform.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}
{{/* A volume of the site's class that outlives the set. Call with (dict "root" $ "name" name). */}}
{{- define "platform.claim" -}}
persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
volumeClaimTemplates:
  - metadata: {name: {{ .name }}}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .root.Values.storage_class }}
      storageClassName: {{ . }}
      {{- end }}
      resources: {requests: {storage: {{ .root.Values.storage_gib }}Gi}}
{{- end }}
{{/* CEL: who may build walls. */}}
{{- define "platform.landing" -}}
- name: landing
  expression: {{ .Values.landing | toJson | quote }}
- name: lands
  expression: >-
    variables.landing.exists(name, name == request.userInfo.username ||
    (has(request.userInfo.groups) && request.userInfo.groups.exists(group, group == name)))
{{- end }}

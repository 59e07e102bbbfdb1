{{/* The reference of a component's image: include "moorage.image" (list $ "webhook"). */}}
{{- define "moorage.image" -}}
{{- $root := index . 0 -}}
{{- printf "%s/%s:%s" $root.Values.images.registry (index . 1) ($root.Values.images.tag | default $root.Chart.AppVersion) -}}
{{- end -}}

{{/* What is the same on all objects: include "moorage.labels" (list $ "webhook"). */}}
{{- define "moorage.labels" -}}
{{- $root := index . 0 -}}
{{ include "moorage.selector" . }}
app.kubernetes.io/part-of: moorage
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* What a workload selects its pods by. */}}
{{- define "moorage.selector" -}}
app.kubernetes.io/name: moorage
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Pod Security level "restricted", the pod's half. */}}
{{- define "moorage.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Pod Security level "restricted", the container's half. */}}
{{- define "moorage.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What all our pods share: include "moorage.podCommon" (list $ "webhook" .Values.webhook). */}}
{{- define "moorage.podCommon" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
serviceAccountName: moorage-{{ index . 1 }}
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* New images under an old tag start new pods only if something in the pod says so. */}}
{{- define "moorage.build" -}}
moorage.dev/build: {{ .Values.images.build | quote }}
{{- end -}}

{{/* Replicas prefer different nodes. */}}
{{- define "moorage.spread" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "moorage.selector" . | nindent 14 }}
{{- end -}}

{{/* Environment that all our programs read. */}}
{{- define "moorage.environment" -}}
- {name: MOORAGE_LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
{{- end -}}

{{/* The roles that a component may exchange tokens for. */}}
{{- define "moorage.webIdentityRoles" -}}
{{- with .Values.webIdentity.roles }}
- {name: MOORAGE_WEB_IDENTITY_ROLES, value: {{ dict "roles" . | toJson | quote }}}
{{- end }}
{{- end -}}

{{/* Where a component keeps its evidence. */}}
{{- define "moorage.evidence" -}}
{{- $evidence := .Values.evidence -}}
{{- if $evidence.store.bucket }}
- {name: MOORAGE_EVIDENCE_STORE, value: {{ $evidence.store | toJson | quote }}}
- {name: MOORAGE_EVIDENCE_RETENTION_DAYS, value: {{ $evidence.retentionDays | quote }}}
- {name: MOORAGE_EVIDENCE_LOCK_MODE, value: {{ $evidence.lockMode | quote }}}
{{- end }}
{{- end -}}

{{/* What a component needs to record evidence: include "moorage.evidenceObjects" (list . "broker"). */}}
{{- define "moorage.evidenceObjects" -}}
{{- $root := index . 0 -}}
# The key that seals its evidence; deleting the data makes a new one.
apiVersion: v1
kind: Secret
metadata:
  name: moorage-{{ index . 1 }}-evidence
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "moorage.labels" . | nindent 4 }}
type: Opaque
---
# Public keys, signed heads, and where the evidence is: for `kubectl dataset audit`.
apiVersion: v1
kind: ConfigMap
metadata:
  name: moorage-{{ index . 1 }}-evidence
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "moorage.labels" . | nindent 4 }}
{{- end -}}

{{/* An API group's rules in short: include "moorage.rule" (list "moorage.dev" "datasets,sites" "get,list,watch"). */}}
{{- define "moorage.rule" -}}
- apiGroups: [{{ index . 0 | quote }}]
  resources: [{{ index . 1 }}]
  verbs: [{{ index . 2 }}]
{{- end -}}

{{/* Whom a binding binds: include "moorage.subject" (list $ "webhook"). */}}
{{- define "moorage.subject" -}}
- kind: ServiceAccount
  name: moorage-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
{{- end -}}

{{/* The namespaces that admission looks at. */}}
{{- define "moorage.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{- concat (list "kube-system" .Release.Namespace) .Values.webhook.excludedNamespaces | uniq | toYaml | nindent 6 }}
  - {key: moorage.dev/admission, operator: NotIn, values: [disabled]}
{{- end -}}

{{/* The `from` of a policy's rule for a list of CIDRs; nothing where the list is empty, which lets in any address. */}}
{{- define "moorage.peers" -}}
{{- if . -}}
from:
{{- range . }}
  - ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end -}}
{{- end -}}

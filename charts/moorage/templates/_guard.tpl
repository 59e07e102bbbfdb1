{{- /*
What the guard's expressions share. Their cost must not grow with labels that are none of ours: where one exceeds the
API server's budget, the request is refused, the kubelet's own status updates among them. So they look up the labels that
a pod may have (dataset.0.* to dataset.63.*), however many others there are; only where there are few they search all of
them, for those that are misspelt.

The numbers are those of moorage/wire/pod.py and webhook/pod_limits.py; tests/guard and tests/charts hold them against
each other.
*/ -}}

{{- /* How many labels are few, how many volumes are searched, and what a pod with dataset labels may have at most. */ -}}
{{- define "moorage.guard.fewLabels" -}}1024{{- end -}}
{{- define "moorage.guard.mostContainers" -}}128{{- end -}}
{{- define "moorage.guard.mostVolumes" -}}1024{{- end -}}
{{- define "moorage.guard.mostMounts" -}}8192{{- end -}}
{{- define "moorage.guard.mostVariables" -}}12288{{- end -}}

{{- /* Keys that are meant for us, and those of them that are written as they must be. No key without a domain is longer than 63. */ -}}
{{- define "moorage.guard.isOurs" -}}
k.size() <= 63 && k.startsWith('dataset.') && k.matches('^dataset[.]([0-9]+[.][^/]*|[^./]*[.](id|useas|namespace|release|accepts|access))$')
{{- end -}}
{{- define "moorage.guard.wellFormed" -}}^dataset[.]([0-9]|[1-5][0-9]|6[0-3])[.](id|useas|namespace|release|accepts|access)${{- end -}}

{{- /* The numbers of a pod's datasets, and all keys that can be read. */ -}}
{{- define "moorage.guard.numbers" -}}
['0'{{ range $number := untilStep 1 64 1 }},'{{ $number }}'{{ end }}]
{{- end -}}
{{- define "moorage.guard.keys" -}}
[{{ range $number := until 64 }}{{ range $field := list "id" "useas" "namespace" "release" "accepts" "access" }}{{ if or $number (ne $field "id") }},{{ end }}'dataset.{{ $number }}.{{ $field }}'{{ end }}{{ end }}]
{{- end -}}

{{- /* Whether an object (object, oldObject) has a dataset label. */ -}}
{{- define "moorage.guard.isLabelled" -}}
(has({{ . }}.metadata.labels) && (
  {{ . }}.metadata.labels.size() <= {{ include "moorage.guard.fewLabels" . }}
  ? {{ . }}.metadata.labels.exists(k, {{ include "moorage.guard.isOurs" . }})
  : {{ include "moorage.guard.keys" . }}.exists(k, k in {{ . }}.metadata.labels)))
{{- end -}}

{{- /* Whether a volume of ours may be in the pod: where there are very many, that is assumed. */ -}}
{{- define "moorage.guard.mayMount" -}}
(has(object.spec.volumes) && (object.spec.volumes.size() > {{ include "moorage.guard.mostVolumes" . }} ||
  object.spec.volumes.exists(v, has(v.csi) && v.csi.driver == 'data.moorage.dev')))
{{- end -}}

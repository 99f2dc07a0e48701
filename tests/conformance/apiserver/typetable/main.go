// Command typetable writes what is known of the types of the stable Kubernetes APIs as one JSON document: every
// field with its names, numbers and flags. The facts come from the struct tags by reflection, and from the OpenAPI
// definitions that the API server itself publishes; no prose is taken over.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

// field is one field of a struct, in the order and with the keys that the reader of the table knows.
type field struct {
	Name          string   `json:"n"`
	Type          string   `json:"t"`
	Go            string   `json:"g,omitempty"`
	Repeated      bool     `json:"r,omitempty"`
	Map           bool     `json:"m,omitempty"`
	Pointer       bool     `json:"p,omitempty"`
	OmitEmpty     bool     `json:"o,omitempty"`
	OmitZero      bool     `json:"z,omitempty"`
	Inline        bool     `json:"i,omitempty"`
	Required      bool     `json:"q,omitempty"`
	Number        int      `json:"#,omitempty"`
	PatchStrategy string   `json:"s,omitempty"`
	MergeKey      string   `json:"k,omitempty"`
	ListType      string   `json:"l,omitempty"`
	ListKeys      []string `json:"y,omitempty"`
	MapType       string   `json:"a,omitempty"`
	Default       any      `json:"d,omitempty"`
	Enum          []any    `json:"e,omitempty"`
}

// record is one struct; MapType is "atomic" where server-side apply owns it as a whole.
type record struct {
	Go      string  `json:"g"`
	MapType string  `json:"a,omitempty"`
	Fields  []field `json:"f"`
}

type table struct {
	Kinds   map[string]string  `json:"kinds"`
	Records map[string]*record `json:"records"`
}

// special are types that read and write themselves, by the word that the table has for them.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "micro-time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "raw",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "raw",
	"k8s.io/apimachinery/pkg/runtime.Object":                                                "raw",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "int-or-string",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "json",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "schema-or-array",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "schema-or-bool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "schema-or-strings",
}

var stable = regexp.MustCompile(`^v[0-9]+$`)

func main() {
	all := runtime.NewScheme()
	must(scheme.AddToScheme(all))
	must(apiextensions.AddToScheme(all))
	must(apiregistration.AddToScheme(all))
	out := &table{map[string]string{}, map[string]*record{}}
	builder := &builder{out, definitions()}
	for kind, goType := range all.AllKnownTypes() {
		if stable.MatchString(kind.Version) && wanted(kind, goType) {
			out.Kinds[kind.GroupVersion().String()+"/"+kind.Kind] = builder.add(goType)
		}
	}
	for _, each := range []any{metav1.Status{}, metav1.DeleteOptions{}, metav1.Table{}, metav1.PartialObjectMetadata{}, metav1.PartialObjectMetadataList{}} {
		goType := reflect.TypeOf(each)
		out.Kinds["meta.k8s.io/v1/"+goType.Name()] = builder.add(goType)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(out))
}

// wanted leaves out what a group registers for everybody (options, Status, WatchEvent).
func wanted(kind schema.GroupVersionKind, goType reflect.Type) bool {
	if goType.PkgPath() == "k8s.io/apimachinery/pkg/apis/meta/v1" || strings.HasSuffix(kind.Kind, "Options") {
		return false
	}
	return kind.Kind != "WatchEvent" && goType.Kind() == reflect.Struct
}

func definitions() map[string]common.OpenAPIDefinition {
	return openapi.GetOpenAPIDefinitions(func(path string) spec.Ref { return spec.MustCreateRef(path) })
}

type builder struct {
	out         *table
	definitions map[string]common.OpenAPIDefinition
}

func fullName(goType reflect.Type) string { return goType.PkgPath() + "." + goType.Name() }

// modelName is the name that OpenAPI has for a type: io.k8s.api.core.v1.Pod.
func modelName(goType reflect.Type) string {
	parts := strings.Split(goType.PkgPath(), "/")
	names := strings.Split(parts[0], ".")
	for left, right := 0, len(names)-1; left < right; left, right = left+1, right-1 {
		names[left], names[right] = names[right], names[left]
	}
	return strings.Join(append(names, append(parts[1:], goType.Name())...), ".")
}

func (b *builder) definition(goType reflect.Type) (spec.Schema, bool) {
	for _, name := range []string{fullName(goType), modelName(goType)} {
		if found, ok := b.definitions[name]; ok {
			return found.Schema, true
		}
	}
	return spec.Schema{}, false
}

func (b *builder) add(goType reflect.Type) string {
	name := modelName(goType)
	if _, known := b.out.Records[name]; known {
		return name
	}
	found := &record{Go: goType.String(), Fields: []field{}}
	b.out.Records[name] = found
	schema, ok := b.definition(goType)
	if !ok {
		fmt.Fprintln(os.Stderr, "typetable: no OpenAPI definition of", fullName(goType))
	}
	found.MapType, _ = schema.Extensions.GetString("x-kubernetes-map-type")
	for at := 0; at < goType.NumField(); at++ {
		if each, is := b.field(goType.Field(at), schema); is {
			found.Fields = append(found.Fields, each)
		}
	}
	return name
}

func (b *builder) field(of reflect.StructField, schema spec.Schema) (field, bool) {
	parts := strings.Split(of.Tag.Get("json"), ",")
	found := field{Name: parts[0], PatchStrategy: of.Tag.Get("patchStrategy"), MergeKey: of.Tag.Get("patchMergeKey")}
	if !of.IsExported() || parts[0] == "-" {
		return found, false
	}
	for _, flag := range parts[1:] {
		found.OmitEmpty = found.OmitEmpty || flag == "omitempty"
		found.OmitZero = found.OmitZero || flag == "omitzero"
	}
	found.Inline = of.Anonymous && parts[0] == ""
	found.Number = number(of.Tag.Get("protobuf"))
	b.describe(&found, of.Type)
	property, ok := schema.Properties[found.Name]
	if !ok {
		return found, true
	}
	found.Default = property.Default
	found.Enum = property.Enum
	if property.Items != nil && property.Items.Schema != nil {
		found.Enum = property.Items.Schema.Enum
	}
	if property.AdditionalProperties != nil && property.AdditionalProperties.Schema != nil {
		found.Enum = property.AdditionalProperties.Schema.Enum
	}
	found.ListType, _ = property.Extensions.GetString("x-kubernetes-list-type")
	found.ListKeys, _ = property.Extensions.GetStringSlice("x-kubernetes-list-map-keys")
	found.MapType, _ = property.Extensions.GetString("x-kubernetes-map-type")
	for _, name := range schema.Required {
		found.Required = found.Required || name == found.Name
	}
	return found, true
}

func (b *builder) describe(found *field, goType reflect.Type) {
	if goType.Kind() == reflect.Pointer {
		found.Pointer = true
		goType = goType.Elem()
	}
	if word, ok := special[fullName(goType)]; ok && goType.Name() != "" {
		found.Type = word
		return
	}
	switch {
	case goType.Kind() == reflect.Slice && goType.Elem().Kind() != reflect.Uint8:
		found.Repeated = true
		found.Go = goType.String()
		found.Type = b.element(goType.Elem())
	case goType.Kind() == reflect.Map:
		found.Map = true
		found.Go = goType.String()
		found.Type = b.element(goType.Elem())
	default:
		found.Type = b.element(goType)
		if goType.Kind() != reflect.Struct {
			found.Go = goType.String()
		}
	}
	if found.Go == found.Type {
		found.Go = ""
	}
}

// element names the type of a value, of a list's item or of a map's value.
func (b *builder) element(goType reflect.Type) string {
	if word, ok := special[fullName(goType)]; ok && goType.Name() != "" {
		return word
	}
	switch goType.Kind() {
	case reflect.Pointer:
		return b.element(goType.Elem())
	case reflect.Struct:
		return b.add(goType)
	case reflect.Slice:
		if goType.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + b.element(goType.Elem())
	case reflect.Interface:
		return "raw"
	case reflect.Map:
		return "{}" + b.element(goType.Elem())
	default:
		return goType.Kind().String()
	}
}

func number(tag string) int {
	for _, part := range strings.Split(tag, ",") {
		if found, err := strconv.Atoi(part); err == nil {
			return found
		}
	}
	return 0
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "typetable:", err)
		os.Exit(1)
	}
}

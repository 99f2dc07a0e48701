// Records what kubectl's own YAML packages make of the texts in answers.jsonl.
//
// In a folder of its own: `go mod init record && go get sigs.k8s.io/yaml k8s.io/apimachinery`, then
// `go run record.go < answers.jsonl > new.jsonl`. A text of mode "value" is one document, turned into JSON; one of
// mode "file" is a whole file, cut into documents as `kubectl apply -f` does.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	stream "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Mode   string            `json:"mode"`
	Text   string            `json:"text"`
	Values []json.RawMessage `json:"values"`
	Error  string            `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var asked answer
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		given := answer{Mode: asked.Mode, Text: asked.Text}
		var err error
		if asked.Mode == "value" {
			given.Values, err = value(asked.Text)
		} else {
			given.Values, err = file(asked.Text)
		}
		if err != nil {
			given.Error = err.Error()
		}
		if err := out.Encode(given); err != nil {
			panic(err)
		}
	}
}

func value(text string) ([]json.RawMessage, error) {
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return []json.RawMessage{}, err
	}
	return []json.RawMessage{converted}, nil
}

func file(text string) ([]json.RawMessage, error) {
	values := []json.RawMessage{}
	documents := stream.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	for {
		var document runtime.RawExtension
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return values, err
		}
		raw := bytes.TrimSpace(document.Raw)
		if len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
			values = append(values, raw)
		}
	}
}

// Command apiserver is the Kubernetes API server itself, built from its Go module, so that it can be asked
// what it accepts, refuses, defaults and stores. Nothing here changes its behaviour.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

//go:build tools

// Package tools pins the name server of a site.
package tools

import _ "github.com/coredns/coredns"

"""The subresource ``proxy``: HTTP through the API server to pods, to what stands behind a Service, and to nodes."""

//! What is served: the API on a socket, metrics and health over HTTP.

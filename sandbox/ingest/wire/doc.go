// Package wire holds the shapes in which an ingest service tells of its circuit
// breakers and health: JSON of the REST API, Spring Boot's error body, and the
// Prometheus series as Micrometer names them. The stand-in and the simulated
// payment service both speak through it, so that they cannot differ.
package wire

package wire

// Outcome is Micrometer's word for a class of status.
func Outcome(status int) string {
	switch status / 100 {
	case 2:
		return "SUCCESS"
	case 3:
		return "REDIRECTION"
	case 4:
		return "CLIENT_ERROR"
	case 5:
		return "SERVER_ERROR"
	default:
		return "INFORMATIONAL"
	}
}

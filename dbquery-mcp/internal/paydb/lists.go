package paydb

// first is the head of a list.
func first[T any](n int, list []T) []T { return list[:min(n, len(list))] }

// keep adds to a list what there is room for among the most that it may hold, and
// reports whether that is not all.
func keep[T any](list *[]T, most int, more ...T) (cut bool) {
	n := min(len(more), most-len(*list))
	*list = append(*list, more[:n]...)
	return n < len(more)
}

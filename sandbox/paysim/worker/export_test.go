package worker

// Post posts one record, as the ledger's consumer does.
var Post = (*Desk).post

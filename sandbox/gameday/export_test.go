package gameday

// OnStandIns are the incidents that stand-ins can show.
var OnStandIns = onStandIns

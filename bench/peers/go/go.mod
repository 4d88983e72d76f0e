module portalis/bench

go 1.19

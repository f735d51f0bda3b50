module github.com/rollcallhq/rollcall/events

go 1.26.0

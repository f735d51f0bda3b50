// Package consumer holds two small programs that read the public events, pull by
// pages of the API and stream from JetStream, to be copied and changed. Its test
// stops them in the middle and holds that they miss nothing.
//
// What must not live here: anything that an application could not do itself; the
// programs import none of Rollcall's packages.
package consumer

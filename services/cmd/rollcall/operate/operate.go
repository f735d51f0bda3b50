// Package operate holds the commands that operate a running server through its
// API: organizations, directories, roles, webhooks, API clients and the rest.
//
// A command is a struct whose fields kong fills and whose Run makes calls and
// hands what it got to Output, which alone knows tables and JSON. One file per
// kind of resource.
//
// What must not live here: commands that run a server or read its files (package
// main beside it), and rules of the domain: what a server refuses, it says.
package operate

// Commands are the words behind "rollcall" that ask a server.
type Commands struct {
	Login  loginCmd  `cmd:"" group:"Operate" help:"Keep a server's URL and an API client's credentials for the commands below."`
	Logout logoutCmd `cmd:"" group:"Operate" help:"Forget what login kept."`
	Whoami whoamiCmd `cmd:"" group:"Operate" help:"Show the server and the API client that commands use."`

	Org        orgCmd        `cmd:"" group:"Operate" help:"Organizations."`
	Directory  directoryCmd  `cmd:"" group:"Operate" help:"Directories: connections to identity providers, their secrets, users and groups."`
	Domain     domainCmd     `cmd:"" group:"Operate" help:"Domains of an organization."`
	User       userCmd       `cmd:"" group:"Operate" help:"Users of the application, whichever way they came."`
	Role       roleCmd       `cmd:"" group:"Operate" help:"Roles, of all organizations or one."`
	Permission permissionCmd `cmd:"" group:"Operate" help:"Permissions that roles consist of."`
	Mapping    mappingCmd    `cmd:"" group:"Operate" help:"Which groups of a directory give which roles."`
	Event      eventCmd      `cmd:"" group:"Operate" help:"Events as webhooks carry them, fetched instead of sent."`
	Webhook    webhookCmd    `cmd:"" group:"Operate" help:"Webhook endpoints and what was sent to them."`
	Client     clientCmd     `cmd:"" group:"Operate" help:"API clients."`
	Nats       natsCmd       `cmd:"" group:"Operate" help:"Credentials of NATS clients that read events."`
	Audit      auditCmd      `cmd:"" group:"Operate" help:"Who did what, and when."`

	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" passthrough:""`
	Completion completionCmd `cmd:"" help:"Print a script that completes commands and flags in a shell."`
}

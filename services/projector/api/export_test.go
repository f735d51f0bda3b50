package api

// RuleOf shows a method's rule.
func RuleOf(procedure string) (scope, organization string, once, ok bool) {
	r, ok := ruleOf(procedure)
	return r.scope, r.organization, r.once, ok
}

// RuleNames lists the methods that have one.
func RuleNames() map[string]bool {
	names := map[string]bool{}
	for service, methods := range rules {
		for method := range methods {
			names["/"+service+"/"+method] = true
		}
	}
	return names
}

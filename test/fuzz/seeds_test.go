package fuzz_test

// requests are where FuzzRequest starts: method, target, headers, body.
var requests = [][4]string{
	{"GET", "/Users", "", ""},
	{"GET", `/Users?filter=userName+eq+"ada@acme.example"&attributes=userName,emails.value&startIndex=1&count=2`, "", ""},
	{"GET", `/Users?filter=emails[type+eq+"work"].value+co+"@acme"+and+not+(title+pr)&sortBy=name.familyName&sortOrder=descending`, "", ""},
	{"GET", `/Groups?filter=id+eq+"{staff}"+and+members+eq+"{ada}"&excludedAttributes=members`, "", ""},
	{"GET", "/Users?cursor=&count=1", "", ""},
	{"GET", "/Users?cursor=eyJ2IjoxfQ&count=-1", "", ""},
	{"GET", "/Users/{ada}?excludedAttributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "If-None-Match: W/\"1\", *", ""},
	{"HEAD", "/Users/{ada}", "", ""},
	{"OPTIONS", "/Users", "", ""},
	{"PURGE", "/Groups/{staff}", "", ""},
	{"GET", "//Users/%7Bada%7D/%2F..%2F", "Accept: text/html", ""},
	{"GET", "/v1/Users", "", ""},
	{"GET", "/Users?filter=" + "%28%28%28%28title%20pr%29%29%29%29&filter=x", "", ""},
	{"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User?filter=x", "", ""},
	{"GET", "/ResourceTypes/User", "Authorization: Basic eDp5", ""},
	{"GET", "/ServiceProviderConfig", "Authorization: Bearer ", ""},
	{"POST", "/Users", scimJSON, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve@acme.example","password":"Tr0ub4dor3","active":"True","emails":["eve@acme.example"],"urn:okta:x:1.0:user":{"badge":7}}`},
	{"POST", "/Users", "Content-Type: application/json; charset=utf-16", `{"userName":"ada@acme.example"}`},
	{"POST", "/Users", scimJSON + "\nContent-Encoding: gzip", `{"userName":"é\u0000","name":{"password":"Tr0ub4dor3"}}`},
	{"POST", "/Users?attributes=id", scimJSON, "\xEF\xBB\xBF{\"userName\":\"x\",\"USERNAME\":\"y\",\"meta\":{},\"id\":\"{bob}\"}"},
	{"PUT", "/Users/{ada}", scimJSON + "\nIf-Match: W/\"1\"", `{"userName":"bob@acme.example","externalId":null,"active":false}`},
	{"PUT", "/Groups/{staff}", scimJSON, `{"displayName":"Board","members":[{"value":"{bob}"},{"value":"nobody"},{"value":"{staff}"}]}`},
	{"PATCH", "/Users/{ada}", scimJSON, patchOp + `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@acme.example"},{"op":"replace","value":{"name.givenName":"A","password":"Tr0ub4dor3"}}]}`},
	{"PATCH", "/Users/{ada}", scimJSON, patchOp + `{"op":"add","path":"password","value":"Tr0ub4dor3"}]}`},
	{"PATCH", "/Groups/{staff}?attributes=members", scimJSON, patchOp + `{"op":"Remove","path":"members","value":[{"value":"{ada}","$ref":null}]},{"op":"add","path":"members","value":["{bob}","ada@acme.example"]}]}`},
	{"DELETE", "/Users/{bob}", "If-Match: *", ""},
	{"DELETE", "/Groups/{staff}", "", ""},
	{"POST", "/Users/.search", scimJSON, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName sw \"a\"","attributes":["userName"],"sortBy":"userName","startIndex":1,"count":10,"cursor":null}`},
	{"POST", "/.search", scimJSON, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"meta.resourceType eq \"User\" or displayName co \"S\"","cursor":""}`},
	{"POST", "/Bulk", scimJSON, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"POST","path":"/Users","bulkId":"q","data":{"userName":"q","password":"Tr0ub4dor3"}}]}`},
	{"GET", "/Me", "", ""},
	{"POST", "/Users", scimJSON, `{"userName":"cut off","password":"Tr0ub4dor3"`},
	{"POST", "/Users", "", `{"userName":{"password":"Tr0ub4dor3"}}`},
}

// bulks are where FuzzBulk starts: operations.
var bulks = []string{
	``,
	`{"method":"POST","path":"/Users","bulkId":"q","data":{"userName":"q@acme.example","password":"Tr0ub4dor3"}},{"method":"PATCH","path":"/Groups/{staff}","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:q"}]}]}}`,
	`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"G","members":[{"value":"bulkId:h"}]}},{"method":"POST","path":"/Groups","bulkId":"h","data":{"displayName":"H","members":[{"value":"bulkId:g"}]}}`,
	`{"method":"PUT","path":"/Users/{bob}","version":"W/\"1\"","data":{"userName":"bob@acme.example","title":"X"}},{"method":"DELETE","path":"/Users/{bob}"},{"method":"PUT","path":"/Users/{bob}","data":{"userName":"b"}}`,
	`{"method":"DELETE","path":"/Users/bulkId:q"},{"method":"post","path":"Users","bulkId":"q","data":{"userName":"q"}}`,
	`{"method":"GET","path":"/Users"},{"method":"POST","path":"/Bulk","bulkId":"b","data":{}},{"method":"POST","path":"/Users/x","bulkId":"c","data":null},7`,
	`{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:b"}}}},{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"b","manager":"bulkId:a"}}`,
	`{"method":"PATCH","path":"/Users/{ada}","data":{"Operations":[{"op":"replace","path":"password","value":"Tr0ub4dor3"}]}},{"method":"POST","path":"/Users","bulkId":"a","bulkId":"a","data":{"userName":"bulkId:"}}`,
}

// patches are where FuzzPatch starts: operations.
var patches = []string{
	`{"op":"add","path":"members","value":[{"value":"{bob}"}]}`,
	`{"op":"Remove","path":"members[value eq \"{ada}\" or value eq 7]"},{"op":"replace","path":"displayName","value":"Board"}`,
	`{"op":"replace","value":{"id":"{staff}","displayName":"Board","members":[],"externalId":null}}`,
	`{"op":"replace","path":"members","value":["{ada}","{staff}","bob@acme.example",{"value":null},{}]}`,
	`{"op":"remove","path":"members"},{"op":"Add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":"x1"}`,
	`{"op":"add","path":"members[value eq \"{bob}\"].value","value":"{bob}"},{"op":"remove","path":"members","value":[]}`,
	`{"op":"replace","path":"emails[type eq \"work\" and primary eq \"True\"].value","value":"x"},{"op":"add","path":"emails","value":[{"value":"y","primary":true}]}`,
	`{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"{bob}"},{"op":"remove","path":"title"}`,
	`{"op":"replace","value":{"name.givenName":"A","urn:x:y:1.0:z":{"a":[{"b":1}]},"addresses[type eq \"work\"].country":"DE","active":"False"}}`,
}

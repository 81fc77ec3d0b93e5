//! The API as an OpenAPI document, made of the table of routes and of the types that are written and read.

mod operations;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Access, Method, Problem, ROUTES, Route};
use operations::{Body, Operation, Told, operation};

/// The largest number of a run, or of anything else that is counted.
const LARGEST: u64 = u64::MAX;

/// The OpenAPI document of the API of this version of the program.
pub fn document(version: &str) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|it| it.is_api()) {
        let operation = operation(route.method, route.path).expect("each route of the API has an operation");
        let told = schemas.operation(route, &operation);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[verb(route.method)] = told;
    }
    let problem = schemas.told::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "driftless",
            "version": version,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "What the command line and the pages use. Over TCP a program proves who it is by a token, a \
                browser by its session; on the unix socket the kernel says who asks. Fields may come, none is renamed.",
        },
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.all(),
            "responses": {
                "Problem": {
                    "description": "What is wrong, and mostly what to do about it.",
                    "content": { "application/problem+json": {
                        "schema": problem,
                        "example": {
                            "type": "docs/api.md#not_found",
                            "title": "There is no such thing.",
                            "status": 404,
                            "detail": "there is no stack `wbe`",
                            "code": "not_found",
                            "remedy": "did you mean `infra/web`?",
                        },
                    } },
                },
            },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-driftless" },
            },
        },
    })
}

fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
    }
}

/// The schemas that the document is made of. What is told and what is asked have different ones: a field with a
/// default is always there in an answer and may be left out of a request.
struct Schemas {
    told: SchemaGenerator,
    asked: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|it| {
                it.definitions_path = "/components/schemas".into();
                it.meta_schema = None;
            })
        };
        Self {
            told: settings().for_serialize().into_generator(),
            asked: settings().for_deserialize().into_generator(),
        }
    }

    fn told<T: JsonSchema>(&mut self) -> Value {
        self.told.subschema_for::<T>().to_value()
    }

    /// All that were referred to, by name.
    fn all(&mut self) -> Map<String, Value> {
        let mut all = self.asked.take_definitions(true);
        all.extend(self.told.take_definitions(true));
        all.values_mut().for_each(without_links);
        all
    }

    fn operation(&mut self, route: &Route, operation: &Operation) -> Value {
        let mut parameters = path_parameters(route);
        if let Some(query) = operation.query {
            parameters.extend(query_parameters(query(&mut self.asked)));
        }
        let mut all = json!({
            "operationId": operation.id,
            "summary": route.about,
            "parameters": parameters,
            "responses": {
                "200": self.answer(operation),
                "4XX": { "$ref": "#/components/responses/Problem" },
                "5XX": { "$ref": "#/components/responses/Problem" },
            },
        });
        if let Access::Role(role) = route.access {
            all["x-role"] = role.as_str().into();
        }
        if let Some(Body { schema, required, example }) = operation.body {
            let example: Value = serde_json::from_str(example).expect("examples are JSON");
            all["requestBody"] = json!({
                "required": required,
                "content": { "application/json": { "schema": schema(&mut self.asked), "example": example } },
            });
        }
        match operation.told {
            Told::Json(_) if route.method == Method::Get => {
                all["responses"]["304"] = json!({ "description": "It is what `If-None-Match` names." });
            }
            Told::Events(_) => {
                all["responses"]["204"] = json!({ "description": "Nothing more will ever come." });
            }
            _ => {}
        }
        all
    }

    fn answer(&mut self, operation: &Operation) -> Value {
        let events =
            |description: &str| json!({ "schema": { "type": "string", "description": description } });
        match operation.told {
            Told::Json(schema) => {
                let mut content = json!({ "schema": schema(&mut self.told) });
                if let Some(example) = operation.example {
                    content["example"] = serde_json::from_str(example).expect("examples are JSON");
                }
                json!({ "description": "It.", "content": { "application/json": content } })
            }
            Told::Events(line) => {
                let line = line(&mut self.told);
                json!({ "description": "One JSON object a line, or server-sent events.", "content": {
                    "application/x-ndjson": { "schema": { "type": "string", "x-line": line } },
                    "text/event-stream": events("Events named `events`, `end` and `broken`."),
                } })
            }
            Told::File => json!({ "description": "A file.", "content": {
                "application/octet-stream": { "schema": { "type": "string", "format": "binary" } },
            } }),
            Told::News(data) => {
                let data = data(&mut self.told);
                json!({ "description": "Server-sent events, each named by its `news`.", "content": {
                    "text/event-stream": { "schema": { "type": "string", "x-data": data } },
                } })
            }
        }
    }
}

/// Descriptions come from the code, where names of types are links.
fn without_links(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => {
                        *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
                    }
                    other => without_links(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_links),
        _ => {}
    }
}

/// Those in braces.
fn path_parameters(route: &Route) -> Vec<Value> {
    let names = route.path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let (schema, example) = path_schema(route, name);
            json!({ "name": name, "in": "path", "required": true, "schema": schema, "example": example })
        })
        .collect()
}

fn path_schema(route: &Route, name: &str) -> (Value, Value) {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": LARGEST });
    let word = json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$" });
    match name {
        "run" => (number, json!(7)),
        "number" => (number, json!(12)),
        "task" => (json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }), json!(3)),
        "commit" => {
            let hash = json!({ "type": "string", "pattern": "^[0-9a-f]{40}$" });
            (hash, json!("4f2a9c01d74f2a9c01d74f2a9c01d74f2a9c01d7"))
        }
        "source" if route.path.contains("{stack}") => {
            let any = json!({ "type": "string", "pattern": "^(-|[a-z0-9][a-z0-9_-]{0,62})$" });
            (any, json!("infra"))
        }
        "source" => (word, json!("infra")),
        "stack" => (word, json!("web")),
        _ => (json!({ "type": "string", "minLength": 1 }), json!("ci")),
    }
}

/// The fields of an object, each as a parameter.
fn query_parameters(schema: Schema) -> Vec<Value> {
    let mut schema = schema.to_value();
    let Some(Value::Object(properties)) = schema.get_mut("properties").map(Value::take) else {
        return Vec::new();
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut parameters = Vec::new();
    for (name, mut schema) in properties {
        let description = schema.as_object_mut().and_then(|it| it.remove("description"));
        let required = required.contains(&json!(name));
        let mut parameter =
            json!({ "name": name, "in": "query", "required": required, "schema": without_null(schema) });
        if let Some(description) = description {
            parameter["description"] = description;
        }
        parameters.push(parameter);
    }
    parameters
}

/// What is not said in a query is left out; there is no `null`.
fn without_null(mut schema: Value) -> Value {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|it| it != "null");
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|it| it["type"] != "null");
        if let [one] = any.as_slice() {
            return one.clone();
        }
    }
    if let Some(fields) = schema.as_object_mut() {
        if fields.get("default").is_some_and(Value::is_null) {
            fields.remove("default");
        }
        if fields.get("format").is_some_and(|it| it == "uint64") {
            fields.entry("maximum").or_insert(LARGEST.into());
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_each_route_of_the_api_and_no_other() {
        let document = document("1.2.3");
        let mut routes = 0;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for verb in operations.as_object().unwrap().keys() {
                let method = if verb == "get" { Method::Get } else { Method::Post };
                assert!(ROUTES.iter().any(|it| it.path == path && it.method == method), "{verb} {path}");
                routes += 1;
            }
        }
        assert_eq!(routes, ROUTES.iter().filter(|it| it.is_api()).count());
    }

    #[test]
    fn each_operation_has_a_name_of_its_own_and_every_reference_leads_somewhere() {
        let document = document("1.2.3");
        let mut names: Vec<&str> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|it| it.as_object().unwrap().values())
            .map(|it| it["operationId"].as_str().unwrap())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
    }

    #[test]
    fn times_are_times_and_what_may_be_absent_is_not_required() {
        let document = document("1.2.3");
        let run = &document["components"]["schemas"]["RunSummary"];
        assert_eq!(run["properties"]["decided_at"]["format"], "date-time");
        let required: Vec<&str> =
            run["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(required.contains(&"decided_at") && !required.contains(&"requested_by"));
        let runs = document["paths"]["/api/v1/runs"]["get"]["parameters"].as_array().unwrap();
        let count = runs.iter().find(|it| it["name"] == "count").unwrap();
        assert_eq!((&count["schema"]["minimum"], &count["required"]), (&json!(1), &json!(false)));
    }
}

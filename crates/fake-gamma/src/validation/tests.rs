use serde_json::json;

use super::*;

fn run(endpoint: Endpoint, body: &Value) -> Result<Order, String> {
    check(endpoint, body.as_object(), LinkNames::Server).map_err(|answer| answer.message().unwrap())
}

#[test]
fn an_ordinary_request_costs_what_its_cards_and_pictures_do() {
    let order = run(Endpoint::Classic, &json!({"inputText": "Sun", "exportAs": "pdf"})).unwrap();
    assert_eq!(
        order,
        Order {
            cards: 10,
            formats: vec![Format::Pdf],
            cost: 150,
            warnings: vec![]
        }
    );
    let body = json!({"inputText": "Sun", "numCards": 3, "imageOptions": {"source": "noImages"}});
    assert_eq!(run(Endpoint::Classic, &body).unwrap().cost, 6);
}

#[test]
fn every_error_is_numbered() {
    let said = run(Endpoint::Classic, &json!({"numCards": 0, "textMode": "sing"})).unwrap_err();
    assert_eq!(
        said,
        "Input validation errors: 1. inputText should not be empty 2. textMode must be one of the following values: \
         generate, condense, preserve 3. numCards must not be less than 1"
    );
}

#[test]
fn limits_are_counted_in_characters() {
    let at_most = json!({"inputText": "é".repeat(400_000)});
    assert!(run(Endpoint::Classic, &at_most).is_ok());
    let too_much = json!({"inputText": "é".repeat(400_001)});
    assert!(run(Endpoint::Classic, &too_much).is_err());
    assert!(run(Endpoint::Classic, &json!({"inputText": "a", "title": ""})).is_err());
}

#[test]
fn values_that_were_taken_away_fail_and_odd_ones_are_warned_about() {
    for gone in [json!({"source": "unsplash"}), json!({"model": "imagen-3"})] {
        assert!(
            run(
                Endpoint::Classic,
                &json!({"inputText": "a", "imageOptions": gone})
            )
            .is_err()
        );
    }
    let body = json!({"inputText": "a", "cardOptions": {"dimensions": "1x1"}, "colour": "red"});
    let warnings = run(Endpoint::Classic, &body).unwrap().warnings.join(" ");
    assert!(
        warnings.contains("1x1 is not valid for format presentation"),
        "{warnings}"
    );
    assert!(warnings.contains("colour"), "{warnings}");
}

#[test]
fn templates_need_a_gamma_and_take_no_cards() {
    assert!(run(Endpoint::Template, &json!({"prompt": "a", "gammaId": "g"})).is_ok());
    assert!(
        run(Endpoint::Template, &json!({"prompt": "a"}))
            .unwrap_err()
            .contains("gammaId")
    );
    let said = run(
        Endpoint::Template,
        &json!({"prompt": "a", "gammaId": "g", "numCards": 3}),
    )
    .unwrap_err();
    assert!(said.contains("property numCards should not exist"), "{said}");
}

#[test]
fn the_agent_is_strict() {
    assert!(run(Endpoint::Agent, &json!({"prompt": "a", "format": "social"})).is_ok());
    assert!(run(Endpoint::Agent, &json!({"prompt": "a", "inputText": "a"})).is_err());
    assert!(
        run(Endpoint::Agent, &json!({"prompt": "a", "title": null}))
            .unwrap_err()
            .contains("title must not be null")
    );
    assert!(run(Endpoint::Agent, &json!({"prompt": "a", "format": "webpage"})).is_err());
}

#[test]
fn formats_of_the_page_count_only_where_links_are_named_so() {
    let body = json!({"inputText": "a", "exportOptions": {"formats": ["pdf", "pptx"]}});
    let order = run(Endpoint::Classic, &body).unwrap();
    assert!(order.formats.is_empty() && order.warnings.len() == 1);
    let order = check(Endpoint::Classic, body.as_object(), LinkNames::Page).unwrap();
    assert_eq!(order.formats, [Format::Pdf, Format::Pptx]);
}

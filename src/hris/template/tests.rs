//! What each place escapes and refuses, and what hostile templates cannot do.

use serde_json::{Value, json};

use super::*;

const PLACES: [Place; 6] = [
    Place::Path,
    Place::Query,
    Place::Header,
    Place::Json,
    Place::Xml,
    Place::Form,
];

fn render(source: &str, place: Place, values: Value) -> Result<String, Error> {
    Template::compile(source, place)?.render(&values)
}

fn what(result: Result<String, Error>) -> String {
    result.map_or_else(|e| e.what, |text| format!("it gave {text:?}"))
}

#[test]
fn a_value_is_escaped_for_its_place() {
    let nasty = "a/b?c=d&e #%\"'<>\u{e9}";
    for (place, wanted) in [
        (
            Place::Path,
            "/x/a%2Fb%3Fc%3Dd%26e%20%23%25%22%27%3C%3E%C3%A9",
        ),
        (
            Place::Query,
            "/x/a%2Fb%3Fc%3Dd%26e%20%23%25%22%27%3C%3E%C3%A9",
        ),
        (
            Place::Form,
            "/x/a%2Fb%3Fc%3Dd%26e%20%23%25%22%27%3C%3E%C3%A9",
        ),
        (Place::Json, "/x/\"a/b?c=d&e #%\\\"'<>é\""),
        (Place::Xml, "/x/a/b?c=d&amp;e #%&quot;&apos;&lt;&gt;é"),
    ] {
        assert_eq!(
            render("/x/{{ v }}", place, json!({"v": nasty})).as_deref(),
            Ok(wanted),
            "{place:?}"
        );
    }
    assert_eq!(
        render("Token {{ v }}", Place::Header, json!({"v": "a\"b"})).as_deref(),
        Ok("Token a\"b")
    );
}

#[test]
fn json_bodies_take_any_value_and_others_take_plain_ones() {
    let values = json!({"n": 1.5, "b": true, "z": null, "l": [1, "x"], "o": {"a": "\u{2028}"}});
    assert_eq!(
        render(
            "{{ n }} {{ b }} {{ z }} {{ l }} {{ o | tojson }}",
            Place::Json,
            values.clone()
        )
        .as_deref(),
        Ok("1.5 true null [1,\"x\"] {\"a\":\"\u{2028}\"}")
    );
    assert_eq!(
        render("{{ n }}&{{ b }}&{{ z }}", Place::Query, values.clone()).as_deref(),
        Ok("1.5&true&")
    );
    assert_eq!(
        render("q={{ o | tojson }}", Place::Query, json!({"o": {"a": 1}})).as_deref(),
        Ok("q=%7B%22a%22%3A1%7D")
    );
    assert_eq!(
        render("{{ o | tojson }}", Place::Xml, json!({"o": {"a": "<"}})).as_deref(),
        Ok("{&quot;a&quot;:&quot;&lt;&quot;}")
    );
    for place in [
        Place::Path,
        Place::Query,
        Place::Header,
        Place::Xml,
        Place::Form,
    ] {
        assert_eq!(
            what(render("{{ l }}", place, values.clone())),
            "a list or an object cannot be written here"
        );
    }
}

#[test]
fn headers_refuse_line_breaks_and_paths_refuse_to_walk() {
    for bad in ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\u{e9}", "\u{7f}"] {
        assert_eq!(
            what(render("{{ v }}", Place::Header, json!({"v": bad}))),
            "a header holds printable ASCII on one line only"
        );
    }
    assert!(render("a\n{{ v }}", Place::Header, json!({"v": "x"})).is_err());
    for bad in ["..", "."] {
        assert_eq!(
            what(render("/a/{{ v }}/b", Place::Path, json!({"v": bad}))),
            "`.` and `..` cannot be part of a path"
        );
        assert_eq!(
            what(render(
                "/a/{{ v }}{{ w }}",
                Place::Path,
                json!({"v": ".", "w": "x"})
            )),
            "`.` and `..` cannot be part of a path"
        );
    }
    assert_eq!(
        what(render("/a/.{{ v }}", Place::Path, json!({"v": ".."}))),
        "`.` and `..` cannot be part of a path"
    );
    assert_eq!(
        what(render(
            "/a/%2E{% if v %}.{% endif %}/b",
            Place::Path,
            json!({"v": true})
        )),
        "a path must not have `.` or `..` as a segment"
    );
    assert_eq!(
        render("/a/{{ v }}", Place::Path, json!({"v": "../x"})).as_deref(),
        Ok("/a/..%2Fx")
    );
    for empty in [json!(""), json!(null)] {
        assert_eq!(
            what(render("/a/{{ v }}/b", Place::Path, json!({"v": empty}))),
            "a value is empty where one is needed"
        );
    }
    assert_eq!(
        what(render("<a>{{ v }}</a>", Place::Xml, json!({"v": "\u{1}"}))),
        "a value has a character that XML does not have"
    );
}

#[test]
fn what_is_not_defined_is_an_error_and_is_named() {
    for place in PLACES {
        let error = render(
            "x\n{{ settings.domain }}{{ token }}",
            place,
            json!({"token": "t", "settings": {}}),
        );
        assert_eq!(
            error,
            Err(Error {
                line: 2,
                what: "not defined: settings.domain".to_owned()
            })
        );
        assert_eq!(
            what(render("{% if a %}{% endif %}", place, json!({}))),
            "not defined: a"
        );
    }
    assert_eq!(
        render(
            "{{ a | default('-') }}{% if a is defined %}!{% endif %}",
            Place::Xml,
            json!({})
        )
        .as_deref(),
        Ok("-")
    );
    let template = Template::compile("{{ a.b }}{% for x in l %}{{ x.y }}{% endfor %}", Place::Xml);
    assert_eq!(
        template.map(|t| t.variables()),
        Ok(vec!["a.b".to_owned(), "l".to_owned()])
    );
}

#[test]
fn conditions_loops_and_filters_work() {
    let source = "{% for p in l %}{% if p.on %}<i>{{ p.n | upper | trim }}</i>{% else %}-{% endif %}{% endfor %}{{ m | join(',') }}{{ m | length }}{{ m | first }}{{ m | last }}";
    let values = json!({"l": [{"on": true, "n": " a& "}, {"on": false}], "m": ["x", "y"]});
    assert_eq!(
        render(source, Place::Xml, values).as_deref(),
        Ok("<i>A&amp;</i>-x,y2xy")
    );
}

#[test]
fn a_path_is_put_in_part_by_part_and_a_text_in_base64() {
    let source = "https://a.test{% for part in p | segments %}/{{ part }}{% endfor %}";
    let put = |path: &str| render(source, Place::Path, json!({ "p": path }));
    assert_eq!(put("/a//b c/").as_deref(), Ok("https://a.test/a/b%20c"));
    assert_eq!(put("?x#y").as_deref(), Ok("https://a.test/%3Fx%23y"));
    assert!(put("/a/../b").is_err());
    let token = json!({"v": "<token>"});
    assert_eq!(
        render("Own {{ v | base64 }}", Place::Plain, token).as_deref(),
        Ok("Own PHRva2VuPg==")
    );
}

#[test]
fn hostile_templates_are_refused_or_stopped() {
    let many = json!({"l": vec![0; 1000], "s": "x".repeat(100_000)});
    for (source, wanted) in [
        (
            "{% for a in l %}{% for b in l %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}",
            "it takes more work than a template may",
        ),
        (
            "{% for a in l %}{{ s }}{% endfor %}",
            "the text is longer than 1048576 bytes",
        ),
        (
            "{{ 'x' * 1000000 }}{{ 'x' * 1000000 }}",
            "the text is longer than 1048576 bytes",
        ),
        (
            "{{ range(1000000000) }}",
            "unknown function; see the list of what templates may use",
        ),
        (
            "{{ debug() }}",
            "unknown function; see the list of what templates may use",
        ),
        (
            "{{ s | safe }}",
            "unknown filter; see the list of what templates may use",
        ),
        (
            "{{ s | replace('x', s) }}",
            "unknown filter; see the list of what templates may use",
        ),
        (
            "{{ s is sameas(s) }}",
            "unknown test; see the list of what templates may use",
        ),
        (
            "{% set x = s ~ s %}",
            "the statement `set` is not let in; use if and for",
        ),
        (
            "{%- macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "the statement `macro` is not let in; use if and for",
        ),
        (
            "{% include 'x' %}",
            "the statement `include` is not let in; use if and for",
        ),
        (
            "{% autoescape false %}{{ s }}{% endautoescape %}",
            "the statement `autoescape` is not let in; use if and for",
        ),
        (
            "{% raw %}{% endraw %}",
            "the statement `raw` is not let in; use if and for",
        ),
        (
            "{% filter upper %}{% endfilter %}",
            "the statement `filter` is not let in; use if and for",
        ),
    ] {
        assert_eq!(
            what(render(source, Place::Xml, many.clone())),
            wanted,
            "{source}"
        );
    }
    for source in [
        "{{",
        "{{ a",
        "{% if %}",
        "{{ a | }}",
        "{% for %}{% endfor %}",
        "{# ",
    ] {
        assert!(Template::compile(source, Place::Xml).is_err(), "{source}");
    }
    for deep in [
        "(", "[", "not ", "-", "a.", "a|trim|", "a if ", "'}}' ~ ", "a[", "{'a':", "a,", "a ~ ",
    ] {
        for times in [30_000, LONGEST_EXPRESSION / deep.len() - 2] {
            let _ = Template::compile(&format!("{{{{ {}1 }}}}", deep.repeat(times)), Place::Xml);
        }
    }
    let long = format!("x\n{{{{ '}}}}' ~ {}1 }}}}", "-".repeat(LONGEST_EXPRESSION));
    let error = Template::compile(&long, Place::Xml).err();
    assert_eq!(
        error,
        Some(Error {
            line: 2,
            what: "an expression has at most 200 bytes".to_owned()
        })
    );
    for nested in ["{% if 1 %}", "{% for a in l %}", "{% if 1 %}{% elif 2 %}"] {
        for times in [3_000, 50] {
            let _ = Template::compile(&nested.repeat(times), Place::Xml);
        }
    }
    let chain = |n| format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(n));
    assert!(Template::compile(&chain(MOST_STATEMENTS - 2), Place::Xml).is_ok());
    assert!(Template::compile(&chain(4_000), Place::Xml).is_err());
}

#[test]
fn an_error_never_shows_a_value() {
    let values = json!({"s": "Quill", "n": 1, "l": ["Quill"], "o": {"Quill": 1}});
    for source in [
        "{{ s + n }}",
        "{{ s.x.y }}",
        "{{ s - n }}",
        "{{ o[l] }}",
        "{{ s() }}",
        "{{ s.foo() }}",
        "{% for a in n %}{% endfor %}",
        "{{ n | join(s) }}",
        "{{ s * s }}",
        "{{ n | upper }}{{ o | trim }}",
        "{{ 1 // 0 }}",
        "{{ l.Quill }}",
    ] {
        for place in PLACES {
            let said = what(render(source, place, values.clone()));
            assert!(
                !said.replace("l.Quill", "").contains("Quill") || said.starts_with("it gave"),
                "{source}: {said}"
            );
        }
    }
}

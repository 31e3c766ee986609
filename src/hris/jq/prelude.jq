# Helpers for mappings, beside those in natives.rs. Documented in jq.rs.
def text: if . == null then null elif isstring then clean else (tostring | clean) end;
def open_end: if . == null or startswith("9999-") or . == "1900-01-01" then null else . end;
def end_date: date | open_end;
def first_of(f): first((f | clean | values), null);
def words(f): [f | text | values] | if . == [] then null else join(" ") end;
def lookup($table; $key): if $key == null then null else $lookups[$table][$key | tostring] end;
def manager(id): (id | text) as $id | if $id == null then null else {value: $id} end;
def manager(id; own): manager(id) as $m | if $m == null or $m.value == (own | text) then null else $m end;
def work_email(e): (e | email) as $e | if $e == null then null else [{value: $e, type: "work", primary: true}] end;
def reject($field; $rule): error({reject: {field: $field, rule: $rule}});

use super::*;

#[test]
fn each_of_several_problems_has_its_own_line() {
    let problem = |option: &'static str| ConfigProblem::new(option, "not valid; set another");
    let one = ConfigError::new(vec![problem("a")]);
    assert_eq!(one.to_string(), "invalid configuration: a: not valid; set another");
    let two = ConfigError::new(vec![problem("a"), problem("b")]);
    let text = "invalid configuration, 2 problems:\n- a: not valid; set another\n- b: not valid; set another";
    assert_eq!((two.to_string().as_str(), format!("{two:?}").as_str()), (text, text));
}

#[test]
fn problem_displays_its_causes_and_keeps_the_source() {
    let error = "http://host:99999".parse::<url::Url>().unwrap_err();
    let mut problems = Vec::new();
    let failed = Err::<(), _>(std::io::Error::other(error));
    ConfigProblem::collect(&mut problems, "client", failed);
    let error = ConfigError::new(vec![ConfigProblem::new("other", "not valid"), problems.remove(0)]);
    assert!(error.to_string().ends_with("- client: invalid port number"), "{error}");
    assert!(error.source().unwrap().is::<std::io::Error>());
}

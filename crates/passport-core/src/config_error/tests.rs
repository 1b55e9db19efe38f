use super::*;

#[test]
fn each_of_several_problems_has_a_line() {
    let problem = |option: &'static str| ConfigProblem::new(option, "it is wrong; write another");
    let one = ConfigError::new(vec![problem("a")]);
    assert_eq!(one.to_string(), "the configuration has a problem: a: it is wrong; write another");
    let two = ConfigError::new(vec![problem("a"), problem("b")]);
    let text =
        "the configuration has 2 problems:\n- a: it is wrong; write another\n- b: it is wrong; write another";
    assert_eq!((two.to_string().as_str(), format!("{two:?}").as_str()), (text, text));
}
#[test]
fn a_problem_shows_and_keeps_its_causes() {
    let error = "http://host:99999".parse::<url::Url>().unwrap_err();
    let mut problems = Vec::new();
    let failed = Err::<(), _>(std::io::Error::other(error));
    ConfigProblem::collect(&mut problems, "client", failed);
    let error = ConfigError::new(vec![ConfigProblem::new("other", "it is wrong"), problems.remove(0)]);
    assert!(error.to_string().ends_with("- client: invalid port number"), "{error}");
    assert!(error.source().unwrap().is::<std::io::Error>());
}

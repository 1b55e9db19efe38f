use http::StatusCode;

use super::*;
use crate::RejectionReason;

#[test]
fn each_setting_is_inherited_from_the_outer_layer() {
    let set: [fn(&mut RejectionConfig); 4] = [
        |config| config.hides_details = true,
        |config| config.custom = Some(Arc::new(|_, standard| standard)),
        |config| config.forced = Some(ForcedProtocol::Grpc),
        |config| config.challenges = Some(Arc::new(Challenges::new("https://api.example/", None))),
    ];
    for (number, set) in set.into_iter().enumerate() {
        let (mut outer, mut extensions) = (RejectionConfig::default(), Extensions::new());
        set(&mut outer);
        outer.insert_into(&mut extensions);
        for within in
            [RejectionConfig::default().within(&extensions), outer.within(&Extensions::new()), outer]
        {
            let settings = [
                within.hides_details,
                within.custom.is_some(),
                within.forced.is_some(),
                within.challenges.is_some(),
            ];
            assert_eq!(settings, [0, 1, 2, 3].map(|setting| setting == number));
        }
    }
    let mut extensions = Extensions::new();
    RejectionConfig::default().insert_into(&mut extensions);
    assert!(extensions.is_empty());
}

#[test]
fn custom_response_is_never_a_success() {
    let rejection = Rejection::from(RejectionReason::Expired);
    for (custom, status, has_challenge) in
        [(100, 401, true), (200, 401, true), (204, 401, true), (401, 401, true), (302, 302, false)]
    {
        let custom = StatusCode::from_u16(custom).unwrap();
        let respond = move |_: &_, _| Response::builder().status(custom).body(Bytes::new()).unwrap();
        let config = RejectionConfig { custom: Some(Arc::new(respond)), ..RejectionConfig::default() };
        let mut response =
            Response::builder().status(401).header(WWW_AUTHENTICATE, "Bearer").body(Bytes::new()).unwrap();
        config.finish(&rejection, &mut response);
        assert_eq!((response.status().as_u16(), custom), (status, custom));
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), has_challenge, "{custom}");
    }
}

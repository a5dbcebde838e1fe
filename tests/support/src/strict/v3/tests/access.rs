use super::*;

#[test]
fn token_as_bearer_as_token_and_from_3_1_as_the_password_of_basic() {
    // `user:` and the token.
    let basic = "Authorization: Basic dXNlcjphcGl2M19hLXRva2VuLW9mLXRoZS10ZXN0cw==\r\n";
    let token = format!("Authorization: Token {}\r\n", Strict3::TOKEN);
    for (version, headers, status) in [
        ("3.0", token.as_str(), 204),
        ("3.0", basic, 400),
        ("3.1", basic, 204),
    ] {
        let server = Strict3::start(version).unwrap();
        for path in [V3, V2, V1] {
            let answer = asked(&server, &format!("POST {path}"), headers, b"m v=1 1").unwrap();
            expect(&answer, status, "");
        }
    }
}

#[test]
fn a_wrong_token_is_401_without_words_before_3_8_and_403_for_the_2_x_path_of_3_10() {
    for (version, path, status, words) in [
        ("3.6.0", V3, 401, ""),
        ("3.7", V2, 401, ""),
        ("3.8", V3, 401, "not authenticated"),
        ("3.9", V2, 401, "not authenticated"),
        ("3.10", V3, 401, "not authenticated"),
        ("3.10", V1, 401, "not authenticated"),
        ("3.10", V2, 403, "not authenticated"),
    ] {
        let server = Strict3::start(version).unwrap();
        let target = format!("POST {path}");
        for headers in [String::new(), bearer("wrong")] {
            let answer = asked(&server, &target, &headers, b"m v=1 1").unwrap();
            expect(&answer, status, words);
            assert_eq!(answer.body.is_empty(), words.is_empty(), "{version}");
        }
        server.delete_token(Strict3::TOKEN);
        expect(&told(&server, path, "m v=1 1"), status, words);
    }
}

#[test]
fn a_malformed_authorization_header_and_an_empty_token_are_400() {
    let server = server();
    for header in ["Bearer", "Bearer ", "Bearer a b", "Wrong token", "token"] {
        let headers = format!("Authorization: {header}\r\n");
        let answer = asked(&server, &format!("POST {V3}"), &headers, b"m v=1 1").unwrap();
        expect(&answer, 400, "Authorization header was malformed");
    }
}

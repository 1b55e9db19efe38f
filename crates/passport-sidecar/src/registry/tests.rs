#[cfg(feature = "azure-key-vault")]
mod azure {
    #[test]
    fn unreadable_ca_file_of_azure_is_named_by_its_variable() {
        let set = |path: Option<&'static str>| {
            let set = move |name: &str| path.filter(|_| name == "AZURE_CA_FILE").map(str::to_owned);
            crate::registry::azure_vault(set).err().unwrap_or_default()
        };
        let message = set(Some("/no/such.pem"));
        assert!(message.starts_with("AZURE_CA_FILE: ") && message.contains("/no/such.pem"), "{message}");
        assert_eq!(set(None), "");
    }
}

#[cfg(feature = "hashicorp-vault")]
mod hashicorp {
    use crate::registry::vault;

    fn problem(variables: &[(&str, &str)]) -> String {
        let set = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        vault(set).err().unwrap_or_default()
    }

    #[test]
    fn missing_vault_variable_is_named() {
        let address = ("VAULT_ADDR", "https://vault.example.com:8200");
        for (variables, expected) in [
            (&[][..], "set VAULT_ADDR"),
            (&[("VAULT_TOKEN", "t")], "set VAULT_ADDR"),
            (&[address, ("VAULT_ROLE_ID", "r")], "set VAULT_SECRET_ID_FILE"),
            (&[("VAULT_ADDR", "vault.example.com:8200")], "VAULT_ADDR: not the address"),
            (&[address, ("VAULT_MOUNT", "/kv/")], "VAULT_MOUNT: not a path"),
        ] {
            assert!(problem(variables).starts_with(expected), "{}", problem(variables));
        }
        assert_eq!(problem(&[address]), "");
        assert_eq!(problem(&[address, ("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID_FILE", "/s")]), "");
    }

    #[test]
    fn vault_errors_name_the_variables() {
        let variables =
            [("VAULT_ADDR", "http://vault:8200"), ("VAULT_CACERT", "/no/such.pem"), ("VAULT_MOUNT", "/")];
        let message = problem(&variables);
        for part in ["VAULT_ADDR: ", "VAULT_DANGER_PLAIN_HTTP=true", "VAULT_CACERT: ", "VAULT_MOUNT: "] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn plain_http_vault_is_allowed_by_its_variable() {
        let plain = ("VAULT_DANGER_PLAIN_HTTP", "True");
        assert_eq!(problem(&[("VAULT_ADDR", "http://vault:8200"), plain]), "");
    }
}

use super::*;

/// Returns the group of a tenant of an issuer, or that of the issuer if both numbers are equal.
fn group(issuer: u8, tenant: u8) -> Group {
    Group { key: DenialKey([tenant; 16]), issuer: DenialKey([issuer; 16]) }
}

fn groups(entries: &[(Group, usize)]) -> Groups {
    let mut groups = Groups::default();
    for (group, entries) in entries {
        for _ in 0..*entries {
            groups.add(*group);
        }
    }
    groups
}

#[test]
fn largest_groups_are_selected_until_enough_is_free() {
    let (small, large, single) = (group(0, 1), group(0, 2), group(0, 3));
    let groups = groups(&[(small, 3), (large, 5), (single, 1)]);
    assert_eq!(groups.largest(1), [large]);
    assert_eq!(groups.largest(4), [large]);
    assert_eq!(groups.largest(5), [large, small]);
}

#[test]
fn refusal_of_an_issuer_replaces_those_of_its_tenants() {
    let (tenant, issuer, other) = (group(0, 1), group(0, 0), group(9, 2));
    let groups = groups(&[(tenant, 5), (issuer, 4), (other, 3)]);
    assert_eq!(groups.largest(4), [tenant]);
    assert_eq!(groups.largest(8), [issuer], "frees 8 of its 9 entries");
    assert_eq!(groups.largest(9), [issuer, other]);
}

#[test]
fn largest_issuer_is_selected_if_groups_free_too_little() {
    let single = [(group(0, 1), 1), (group(9, 2), 1), (group(9, 3), 2), (group(9, 4), 1), (group(8, 5), 1)];
    let groups = groups(&single);
    assert_eq!(groups.largest(1), [group(9, 3)]);
    assert_eq!(groups.largest(2), [group(9, 9)]);
    assert_eq!(groups.largest(9), [group(9, 9)], "an issuer with one entry frees none");
}

#[test]
fn members_are_the_groups_of_a_scope() {
    let all = [group(0, 1), group(0, 0), group(9, 2), group(9, 3)];
    let groups = groups(&all.map(|group| (group, 1)));
    let members = groups.members(&[group(0, 0), group(9, 3)]);
    let expected: HashMap<u32, usize, RandomState> = [(0, 0), (1, 0), (3, 1)].into_iter().collect();
    assert_eq!(members, expected);
}

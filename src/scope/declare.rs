/// Declares the scopes of a service.
///
/// The first line names the catalogue: a constant [`Catalogue`](crate::scope::Catalogue) of all of
/// them. Each further one declares a scope: a unit struct that implements
/// [`Scope`](crate::scope::Scope), `Debug`, `Clone` and `Copy`. Visibilities are as written. The
/// first paragraph of a doc comment is the scope's description.
///
/// ```
/// use keygate::Scope;
///
/// keygate::scopes! {
///     /// Everything a key of this service can be issued with.
///     pub catalogue SCOPES;
///     /// List and retrieve payment links.
///     pub LinksRead = "links:read";
///     /// Create, update and archive payment links.
///     ///
///     /// Further paragraphs are for readers of the code.
///     pub LinksWrite = "links:write";
/// }
///
/// assert_eq!(SCOPES.len(), 2);
/// assert_eq!(LinksWrite::NAME.as_str(), "links:write");
/// assert_eq!(LinksWrite::DESCRIPTION, "Create, update and archive payment links.");
/// ```
///
/// # Errors
///
/// It does not compile without the catalogue's line, with a name that is not
/// [allowed](crate::scope::ScopeName), with one name for two scopes, or with a scope that has no
/// doc comment.
#[macro_export]
macro_rules! scopes {
    (
        $(#[$($about:tt)*])*
        $visibility:vis catalogue $catalogue:ident;
        $(
            $(#[$($attribute:tt)*])*
            $scope_visibility:vis $scope:ident = $name:literal;
        )*
    ) => {
        $(
            $crate::__scope! {
                $(#[$($attribute)*])*
                $scope_visibility $scope = $name;
            }
        )*

        $(#[$($about)*])*
        $visibility const $catalogue: $crate::scope::Catalogue = {
            const NAMES: &[&str] = &[$($name),*];
            const DECLARED: &[$crate::scope::ScopeDefinition] =
                &[$($crate::scope::internal::definition::<$scope>()),*];
            $crate::scope::internal::catalogue(NAMES, DECLARED)
        };
    };
    (
        $(#[$($attribute:tt)*])*
        $visibility:vis $scope:ident = $($rest:tt)*
    ) => {
        ::core::compile_error!(
            "`scopes!` begins with its catalogue, the list of all scopes: `pub catalogue SCOPES;`"
        );
    };
    ($($rest:tt)*) => {
        ::core::compile_error!(
            "`scopes!` takes first `pub catalogue SCOPES;` and then, for each scope, a doc comment and a line such as `pub LinksRead = \"links:read\";`"
        );
    };
}

/// One scope of `scopes!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __scope {
    ($(#[doc = $line:literal])+ $visibility:vis $scope:ident = $name:literal;) => {
        $(#[doc = $line])+
        #[derive(
            ::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy,
        )]
        $visibility struct $scope;

        impl $crate::scope::Scope for $scope {
            const NAME: $crate::scope::ScopeName = $crate::scope::ScopeName::from_static($name);
            const DESCRIPTION: &'static str = {
                const TEXT: &str = ::core::concat!($($line, "\n"),+);
                const LINE: [u8; $crate::scope::internal::first_paragraph_length(TEXT)] =
                    $crate::scope::internal::first_paragraph(TEXT);
                $crate::scope::internal::text(&LINE)
            };
        }
    };
    ($(#[$($attribute:tt)*])* $visibility:vis $scope:ident = $name:literal;) => {
        ::core::compile_error!(::core::concat!(
            "the scope `", ::core::stringify!($scope), "` needs a doc comment that says what it ",
            "grants, and takes no other attribute: `/// List and retrieve payment links.`"
        ));

        // The type is there all the same, so that its users raise no errors of their own.
        $crate::__scope! {
            #[doc = "-"]
            $visibility $scope = $name;
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::scope::{Scope, ScopeName};

    mod outside {
        crate::scopes! {
            /// All of them.
            #[allow(dead_code, reason = "other attributes pass through to the constant")]
            pub(super) catalogue ALL;
            /// Reads  links,
            /// all of “them”.
            ///
            /// For readers of the code only.
            pub(in crate::scope) LinksRead = "links:read";
            #[doc = r#" Writes "links". "#]
            pub LinksWrite = "links:write";
            ///
            /// Reads events.
            EventsRead = "events:read";
        }

        pub(super) fn private() -> impl crate::scope::Scope + std::fmt::Debug + Copy {
            EventsRead
        }
    }

    crate::scopes! {
        catalogue NOTHING;
    }

    #[test]
    fn the_first_paragraph_is_the_description_in_one_line() {
        let described: Vec<_> =
            outside::ALL.iter().map(|scope| (scope.name.as_str(), scope.description)).collect();
        assert_eq!(
            described,
            [
                ("links:read", "Reads links, all of “them”."),
                ("links:write", "Writes \"links\"."),
                ("events:read", "Reads events."),
            ]
        );
        assert_eq!(outside::LinksRead::DESCRIPTION, described[0].1);
    }

    #[test]
    fn a_catalogue_contains_what_was_declared_and_nothing_else() {
        assert!(outside::ALL.contains(&outside::LinksWrite::NAME));
        assert!(outside::ALL.contains(&ScopeName::parse("links:read").unwrap()));
        assert!(!outside::ALL.contains(&ScopeName::from_static("links:delete")));
        assert!(NOTHING.is_empty() && !NOTHING.contains(&outside::LinksRead::NAME));
        assert_eq!((&outside::ALL).into_iter().count(), outside::ALL.len());
    }

    #[test]
    fn markers_can_be_printed_and_copied() {
        let marker = outside::private();
        assert_eq!(format!("{:?} {marker:?}", { marker }), "EventsRead EventsRead");
    }
}

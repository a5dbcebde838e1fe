//! The methods and routes of Ollama's HTTP server: tags, so a closed list.

use serde::{Deserialize, Serialize};

/// Declares an enum of known texts, all else being `other`.
macro_rules! known {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the variants are the texts they stand for")]
        pub enum $name {
            Other,
            $($variant,)+
        }

        impl $name {
            pub const ALL: &[Self] = &[Self::Other, $(Self::$variant,)+];

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    Self::Other => "other",
                    $(Self::$variant => $text,)+
                }
            }

            fn known(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

known! {
    /// The method of a request. Stored by variant number: new ones go last.
    Method {
        Get = "GET",
        Post = "POST",
        Head = "HEAD",
        Put = "PUT",
        Delete = "DELETE",
        Patch = "PATCH",
        Options = "OPTIONS",
    }
}

known! {
    /// The route of a request, as registered in Ollama 0.1.28 to 0.33. Stored by variant number: new ones go last.
    Route {
        Root = "/",
        Version = "/api/version",
        Status = "/api/status",
        Pull = "/api/pull",
        Push = "/api/push",
        Tags = "/api/tags",
        Show = "/api/show",
        Delete = "/api/delete",
        Me = "/api/me",
        Signout = "/api/signout",
        UserKey = "/api/user/keys/:key",
        Create = "/api/create",
        Blob = "/api/blobs/:digest",
        Copy = "/api/copy",
        WebSearch = "/api/experimental/web_search",
        WebFetch = "/api/experimental/web_fetch",
        Ps = "/api/ps",
        Generate = "/api/generate",
        Chat = "/api/chat",
        Embed = "/api/embed",
        Embeddings = "/api/embeddings",
        OpenAiChat = "/v1/chat/completions",
        OpenAiCompletions = "/v1/completions",
        OpenAiEmbeddings = "/v1/embeddings",
        OpenAiModels = "/v1/models",
        OpenAiModel = "/v1/models/:model",
        OpenAiResponses = "/v1/responses",
        OpenAiImages = "/v1/images/generations",
        OpenAiImageEdits = "/v1/images/edits",
        OpenAiTranscriptions = "/v1/audio/transcriptions",
        AnthropicMessages = "/v1/messages",
    }
}

impl Method {
    /// The method that a request line names.
    pub(crate) fn of(text: &str) -> Self {
        Self::known(text)
    }
}

impl Route {
    /// Whether a model answers a request of this route, when its status is 200.
    pub(crate) fn is_inference(self) -> bool {
        matches!(
            self,
            Self::Generate
                | Self::Chat
                | Self::Embed
                | Self::Embeddings
                | Self::OpenAiChat
                | Self::OpenAiCompletions
                | Self::OpenAiEmbeddings
                | Self::OpenAiResponses
                | Self::AnthropicMessages
        )
    }

    /// The route that serves `path`, which may end in a query.
    pub(crate) fn of(path: &str) -> Self {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let parameters = [
            ("/api/blobs/", Self::Blob),
            ("/v1/models/", Self::OpenAiModel),
            ("/api/user/keys/", Self::UserKey),
        ];
        for (prefix, route) in parameters {
            if let Some(value) = path.strip_prefix(prefix) {
                let one = !value.is_empty() && !value.contains('/') && !value.starts_with(':');
                return if one { route } else { Self::Other };
            }
        }
        Self::known(path)
    }
}

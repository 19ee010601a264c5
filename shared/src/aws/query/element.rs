//! An element of an XML answer.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

/// Maximum depth of an answer; those of AWS have less than 20 levels.
const MAX_DEPTH: usize = 64;

/// An element of an answer. Namespaces and attributes are ignored: AWS uses neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    name: String,
    /// The text of an element without children.
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Parses a document. `None` if it is not XML, or too deep.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let document = Document::parse(text).ok()?;
        Self::of(document.root_element(), 0)
    }

    fn of(node: Node<'_, '_>, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let children = node.children().filter(Node::is_element);
        let children: Vec<_> =
            children.map(|child| Self::of(child, depth + 1)).collect::<Option<_>>()?;
        // A comment cuts a text in two.
        let texts = node.children().filter(|_| children.is_empty()).filter(Node::is_text);
        let text: String = texts.filter_map(|text| text.text()).collect();
        let name = node.tag_name().name().to_owned();
        Some(Self { name, text: text.trim().to_owned(), children })
    }

    /// The element's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The element's text; empty if it has children.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.text
    }

    /// The first child with this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the element at `path`, such as `instanceState/name`. `None` if the element is
    /// missing or empty.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        let element = path.split('/').try_fold(self, |element, name| element.child(name))?;
        Some(&*element.text).filter(|text| !text.is_empty())
    }

    /// Whether the text at `path` is `true`.
    #[must_use]
    pub fn is_true(&self, path: &str) -> bool {
        self.text(path) == Some("true")
    }

    /// The number at `path`. `None` if it is missing or not a number.
    #[must_use]
    pub fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The items of a child list; none if the list is missing, as in the SDKs.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Self] {
        self.child(name).map_or(&[], |list| &list.children)
    }

    /// The items of the last list of `path`, for each item of the lists before it, and whether each
    /// of these items has its list. AWS writes an empty list as an element; some stand-ins omit an
    /// empty first list.
    #[must_use]
    pub fn items(&self, path: &[&str]) -> (Vec<&Self>, bool) {
        let is_empty = path.first().is_some_and(|name| self.child(name).is_none());
        let start = if is_empty { Vec::new() } else { vec![self] };
        path.iter().fold((start, true), |(elements, is_complete), name| {
            let has_all = elements.iter().all(|element| element.child(name).is_some());
            let items = elements.into_iter().flat_map(|element| element.list(name));
            (items.collect(), is_complete && has_all)
        })
    }

    /// The tags in a child list: `tagSet` of EC2, `TagList` of RDS, `Tags` of Elastic Load
    /// Balancing.
    #[must_use]
    pub fn tags(&self, list: &str) -> BTreeMap<String, String> {
        let text = |tag: &Self, [first, second]: [&str; 2]| {
            tag.text(first).or_else(|| tag.text(second)).map(str::to_owned)
        };
        let tags = self.list(list).iter();
        tags.filter_map(|tag| {
            Some((text(tag, ["key", "Key"])?, text(tag, ["value", "Value"]).unwrap_or_default()))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_texts_and_tags() {
        let element = Element::parse(
            "<R xmlns=\"http://a/\"><reservationSet>
               <item><instancesSet><item><id>i-1</id><state><name>running</name></state>
                 <tagSet><item><key>Name</key><value>a &lt; b</value></item>
                         <item><key>empty</key><value/></item></tagSet></item></instancesSet></item>
               <item><instancesSet><item><id>i-2</id><n>7</n><is>true</is></item></instancesSet></item>
               </reservationSet><odd><item/></odd></R>",
        );
        let element = element.unwrap();
        let path = ["reservationSet", "instancesSet"];
        let (items, is_complete) = element.items(&path);
        let [first, second] = items[..] else { panic!("two") };
        assert_eq!((first.text("id"), second.text("id")), (Some("i-1"), Some("i-2")));
        assert!(is_complete);
        for (path, is_complete) in
            [(["missing", "instancesSet"], true), (["odd", "instancesSet"], false)]
        {
            assert_eq!(element.items(&path), (Vec::new(), is_complete), "{path:?}");
        }
        assert_eq!((first.value(), first.child("id").map(Element::value)), ("", Some("i-1")));
        assert_eq!(first.text("state/name"), Some("running"));
        assert_eq!((first.text("state"), first.text("missing/name")), (None, None));
        let tags = [("Name", "a < b"), ("empty", "")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(first.tags("tagSet"), BTreeMap::from(tags));
        assert_eq!((second.number::<u32>("n"), second.number::<u32>("id")), (Some(7), None));
        assert!(second.is_true("is") && !second.is_true("n"));
        assert_eq!(element.list("missing"), []);
    }

    #[test]
    fn a_text_is_whole_in_whatever_parts_it_comes() {
        let texts = ["<id>vol-1</id>", "<id>vol<!-- - -->-1</id>", "<id><!-- a -->vol-1</id>"];
        let others = ["<id><![CDATA[vol]]>-1<?b c?></id>", "<a:id>vol&#45;1\n</a:id>"];
        for text in texts.into_iter().chain(others) {
            let element = Element::parse(&format!("<R xmlns:a=\"http://a/\">{text}</R>")).unwrap();
            assert_eq!(element.text("id"), Some("vol-1"), "{text}");
        }
    }

    #[test]
    fn what_is_not_xml_or_too_deep_is_nothing() {
        for text in ["", "{}", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
        let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(Element::parse(&nested(65)).is_some());
        assert_eq!(Element::parse(&nested(66)), None);
    }
}

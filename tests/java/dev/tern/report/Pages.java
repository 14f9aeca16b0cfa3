package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.helpers.DefaultHandler;

/** What every page must be, whatever it shows. */
final class Pages {
  /** A name that would be markup if it were not escaped, with what rearranges lines and what XML cannot hold. */
  static final String HOSTILE = "<script>alert(1)</script>\"' onload='x' & ]]> <!-- \u202e evil \u0000\u0007\ud800 &amp; </title></style><img src=x>";

  private Pages() {}

  /** The page as a tree; fails if it is not well-formed, or holds what runs or fetches. */
  static Document checked(String html) {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
      var builder = factory.newDocumentBuilder();
      builder.setErrorHandler(new DefaultHandler());
      Document document = builder.parse(new InputSource(new StringReader(html)));
      inspect(document.getDocumentElement());
      String lower = html.toLowerCase(Locale.ROOT);
      assertFalse(lower.contains("<script"));
      assertFalse(lower.contains("@import"));
      return document;
    } catch (Exception e) {
      throw new AssertionError("the page is not well-formed: " + e, e);
    }
  }

  private static void inspect(Element element) {
    String tag = element.getTagName();
    assertFalse(Set.of("script", "img", "link", "iframe", "object", "embed", "a", "image", "use", "foreignObject", "base", "form").contains(tag), tag);
    for (int i = 0; i < element.getAttributes().getLength(); i++) {
      String name = element.getAttributes().item(i).getNodeName();
      String value = element.getAttributes().item(i).getNodeValue();
      assertFalse(name.startsWith("on") || name.equals("src") || name.contains("href") || name.equals("style"), name);
      assertFalse(value.contains("url(") && !value.matches("url\\(#clip\\d+\\)"), value);
      boolean words = name.equals("aria-label") || name.equals("content");
      assertFalse(!words && (value.contains("NaN") || value.contains("Infinity")), name + "=" + value);
    }
    for (var node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element child) {
        inspect(child);
      }
    }
  }

  /** All elements with a tag and a class among others. */
  static List<Element> all(Document document, String tag, String kind) {
    NodeList list = document.getElementsByTagName(tag);
    List<Element> found = new ArrayList<>();
    for (int i = 0; i < list.getLength(); i++) {
      Element e = (Element) list.item(i);
      if (kind.isEmpty() || List.of(e.getAttribute("class").split(" ")).contains(kind)) {
        found.add(e);
      }
    }
    return found;
  }

  /** The one such element. */
  static Element only(Document document, String tag, String kind) {
    var found = all(document, tag, kind);
    assertEquals(1, found.size(), tag + "." + kind);
    return found.get(0);
  }
}

package dev.tern.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * One HTML file that needs nothing else: no script, no font, no request. It follows the reader's light or dark mode, and is well-formed XML besides. Every
 * text is escaped here. For one thread.
 */
public final class HtmlPage {
  /** Should a text ever get past the escaping, the browser still runs and fetches nothing. */
  private static final String POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

  private final String title;
  private final StringBuilder body = new StringBuilder();
  private boolean inSection;
  private int nFigures;

  public HtmlPage(String title) {
    this.title = title;
  }

  /** A line under the title, or under whatever came last, in smaller type. */
  public HtmlPage small(String text) {
    return element("p", "small", text);
  }

  /** A paragraph. */
  public HtmlPage paragraph(String text) {
    return element("p", "", text);
  }

  /** A verdict in large type: its word, and what stands beside it. */
  public HtmlPage verdict(String word, String kind, String text) {
    body.append("<p class=\"verdict\"><span class=\"").append(Markup.text(kind)).append("\">").append(Markup.text(word)).append("</span> ")
        .append(Markup.text(text)).append("</p>\n");
    return this;
  }

  /** Begins a section, which reaches to the next one. */
  public HtmlPage section(String heading) {
    body.append(inSection ? "</section>\n" : "").append("<section>\n<h2>").append(Markup.text(heading)).append("</h2>\n");
    inSection = true;
    return this;
  }

  /** A heading within a section. */
  public HtmlPage heading(String text) {
    return element("h3", "", text);
  }

  /** A command line, or another text as it is typed. */
  public HtmlPage code(String text) {
    body.append("<pre><code>").append(Markup.text(text)).append("</code></pre>\n");
    return this;
  }

  /** A list; nothing if there are no items. */
  public HtmlPage list(List<String> items) {
    if (!items.isEmpty()) {
      body.append("<ul>\n");
      items.forEach(item -> element("li", "", item));
      body.append("</ul>\n");
    }
    return this;
  }

  /** Names and what they stand for. */
  public HtmlPage facts(Map<String, String> facts) {
    body.append("<dl>\n");
    facts.forEach((name, value) -> {
      body.append("<div>");
      element("dt", "", name);
      element("dd", "", value);
      body.append("</div>\n");
    });
    body.append("</dl>\n");
    return this;
  }

  public HtmlPage table(HtmlTable table) {
    body.append(table.html());
    return this;
  }

  /**
   * A plot with its title, legend, and below it how to read it; one without marks says that there was nothing to show.
   *
   * @param howToRead a sentence or two; may be empty
   */
  public HtmlPage plot(Plot plot, String howToRead) {
    body.append("<figure id=\"plot").append(nFigures++).append("\">\n<h3>").append(Markup.text(plot.title())).append("</h3>\n");
    if (plot.isEmpty()) {
      element("p", "small", "No case of this report has a place here.");
    } else {
      body.append(plot.legend()).append("<div class=\"scroll\">").append(plot.svg(nFigures)).append("</div>\n");
    }
    if (!howToRead.isEmpty()) {
      element("figcaption", "", howToRead);
    }
    body.append("</figure>\n");
    return this;
  }

  private HtmlPage element(String tag, String kind, String text) {
    body.append('<').append(tag).append(kind.isEmpty() ? "" : " class=\"" + kind + "\"").append('>').append(Markup.text(text))
        .append("</").append(tag).append(">\n");
    return this;
  }

  /** The whole file. */
  public String html() {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta http-equiv=\"Content-Security-Policy\" content=\"" + POLICY + "\"/>\n"
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>"
        + Markup.text(title) + "</title>\n<style>\n" + style() + "</style>\n</head>\n<body>\n<main>\n<h1>" + Markup.text(title) + "</h1>\n"
        + body + (inSection ? "</section>\n" : "")
        + "</main>\n</body>\n</html>\n";
  }

  private static String style() {
    try (InputStream in = HtmlPage.class.getResourceAsStream("page.css")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of a resource of this class there is none
    }
  }
}

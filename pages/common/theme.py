"""The look of all pages: Gradio's theme with fonts that it serves itself, and its style sheets."""

import gradio as gr

from pages.common import static

LOGO_FILE = static.FOLDER / "logo.svg"


def theme() -> gr.themes.Base:
    """Slate and cyan, the same in light and dark; asks no host for a font."""
    # Gradio's file for weight 600 of this font lacks the Latin letters; browsers take 700 for it.
    sans = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))
    mono = gr.themes.LocalFont("IBM Plex Mono", weights=(400, 600))
    return gr.themes.Default(
        primary_hue=gr.themes.colors.cyan,
        secondary_hue=gr.themes.colors.cyan,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=(sans, gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")),
        font_mono=(mono, gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")),
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_weight="600",
        block_shadow="none",
        button_primary_background_fill="*primary_700",  # white on it has a contrast of 5 to 1
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


def page_head() -> str:
    """Style sheets and script for the page's head: Gradio rewrites the selectors of `css`, wrongly within @media."""
    names = ("page.css", "inspect.css", "flight.css", "galleries.css")
    sheets = "\n".join(map(static.text, names))
    scripts = "\n".join(map(static.text, ("copy.js", "title.js", "group_names.js")))
    return f"<style>{sheets}</style><script>{scripts}</script>"

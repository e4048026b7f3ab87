"""What the pages know and do: answers, flights, galleries, reports and visitors' builds. No Gradio here."""

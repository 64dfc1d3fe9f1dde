"""The icons: our own drawing, 16 by 16, in strokes of the text's colour. Each state has a shape of its own."""

ICONS = {
    "check": '<circle cx="8" cy="8" r="6.5"/><path d="M5 8.3l2.1 2.1L11 6.2"/>',
    "tick": '<path d="M3.5 8.5l3 3 6-6.5"/>',
    "clock": '<circle cx="8" cy="8" r="6.5"/><path d="M8 4.5V8l2.4 1.6"/>',
    "alert": '<path d="M8 2L14.5 13.5h-13z"/><path d="M8 6.5v3.2M8 11.6v.1"/>',
    "cross": '<circle cx="8" cy="8" r="6.5"/><path d="M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6"/>',
    "person": '<circle cx="8" cy="5.2" r="2.9"/><path d="M2.5 14c.5-3 2.6-4.5 5.5-4.5s5 1.5 5.5 4.5"/>',
    "info": '<circle cx="8" cy="8" r="6.5"/><path d="M8 7.3v3.7M8 5v.1"/>',
    "menu": '<path d="M2 4h12M2 8h12M2 12h12"/>',
    "down": '<path d="M4 6.2l4 4 4-4"/>',
    "search": '<circle cx="7" cy="7" r="4.6"/><path d="M10.5 10.5L14 14"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8.5" rx="1.2"/><path d="M10.5 3.2V2H2.5v9h1.2"/>',
    "download": '<path d="M8 2v8M4.6 6.8L8 10.2l3.4-3.4M2.5 13.5h11"/>',
    "remove": '<path d="M4 4l8 8M12 4l-8 8"/>',
    "cleat": '<path d="M2 5.2c0-1 .8-1.7 1.8-1.7h8.4c1 0 1.8.7 1.8 1.7M5.8 3.7v6.6M10.2 3.7v6.6M3.5 12.3h9"/>',
}

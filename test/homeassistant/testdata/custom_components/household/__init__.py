"""What the blueprints act on: two lamps, a radio, a voice, and the app on a telephone.

They do nothing but keep their state. That they were told to, the tests see in
Home Assistant's own events.
"""

from homeassistant.components.light import ColorMode, LightEntity
from homeassistant.components.media_player import (
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
)
from homeassistant.components.tts import TextToSpeechEntity

DOMAIN = "household"


class Lamp(LightEntity):
    _attr_should_poll = False
    _attr_color_mode = ColorMode.RGB
    _attr_supported_color_modes = {ColorMode.RGB}
    _attr_is_on = False

    def __init__(self, name):
        self._attr_name = name
        self._attr_unique_id = f"household_{name}"

    async def async_turn_on(self, **kwargs):
        self._attr_is_on = True
        self._attr_rgb_color = kwargs.get("rgb_color", (255, 255, 255))
        self._attr_brightness = kwargs.get("brightness", 255)
        self.async_write_ha_state()

    async def async_turn_off(self, **kwargs):
        self._attr_is_on = False
        self.async_write_ha_state()


class Radio(MediaPlayerEntity):
    _attr_name = "Radio"
    _attr_unique_id = "household_radio"
    _attr_should_poll = False
    _attr_state = MediaPlayerState.PLAYING
    _attr_volume_level = 0.5
    _attr_supported_features = (
        MediaPlayerEntityFeature.PAUSE
        | MediaPlayerEntityFeature.PLAY
        | MediaPlayerEntityFeature.PLAY_MEDIA
        | MediaPlayerEntityFeature.VOLUME_SET
    )

    async def async_media_pause(self):
        self._attr_state = MediaPlayerState.PAUSED
        self.async_write_ha_state()

    async def async_media_play(self):
        self._attr_state = MediaPlayerState.PLAYING
        self.async_write_ha_state()

    async def async_play_media(self, media_type, media_id, **kwargs):
        """Say something: it is over at once."""

    async def async_set_volume_level(self, volume):
        self._attr_volume_level = volume
        self.async_write_ha_state()


class Voice(TextToSpeechEntity):
    _attr_name = "Voice"
    _attr_unique_id = "household_voice"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]

    async def async_get_tts_audio(self, message, language, options):
        return "mp3", b"\xff\xfb\x90\x00" * 100


async def async_setup(hass, config):
    for domain, entities in (
        ("light", [Lamp("Lamp"), Lamp("Sign")]),
        ("media_player", [Radio()]),
        ("tts", [Voice()]),
    ):
        await hass.data[domain].async_add_entities(entities)

    async def notified(call):
        """Take a message: its data stands in the event of the call."""

    hass.services.async_register("notify", "mobile_app_phone", notified)
    return True

package homeassistant

// componentJSON is one component of a discovery payload. Home Assistant drops keys that it does not know
// in silence, so a misspelt one would never be noticed: they are spelled here and nowhere else.
type componentJSON struct {
	Platform           string   `json:"platform"`
	Name               string   `json:"name,omitempty"`
	UniqueID           string   `json:"unique_id,omitempty"`
	DeviceClass        string   `json:"device_class,omitempty"`
	EntityCategory     string   `json:"entity_category,omitempty"`
	EnabledByDefault   *bool    `json:"enabled_by_default,omitempty"`
	Icon               string   `json:"icon,omitempty"`
	StateTopic         string   `json:"state_topic,omitempty"`
	ValueTemplate      string   `json:"value_template,omitempty"`
	AttributesTopic    string   `json:"json_attributes_topic,omitempty"`
	AttributesTemplate string   `json:"json_attributes_template,omitempty"`
	StateClass         string   `json:"state_class,omitempty"`
	Options            []string `json:"options,omitempty"`
	EventTypes         []string `json:"event_types,omitempty"`
	CommandTopic       string   `json:"command_topic,omitempty"`
	PayloadPress       string   `json:"payload_press,omitempty"`
	PayloadOn          string   `json:"payload_on,omitempty"`
	PayloadOff         string   `json:"payload_off,omitempty"`
	StateOn            string   `json:"state_on,omitempty"`
	StateOff           string   `json:"state_off,omitempty"`
	Min                int      `json:"min,omitempty"`
	Max                int      `json:"max,omitempty"`
	Pattern            string   `json:"pattern,omitempty"`
	AutomationType     string   `json:"automation_type,omitempty"`
	Type               string   `json:"type,omitempty"`
	Subtype            string   `json:"subtype,omitempty"`
	Topic              string   `json:"topic,omitempty"`
	Payload            string   `json:"payload,omitempty"`
	AvailabilityTopic  string   `json:"availability_topic,omitempty"`

	// QoS stands in each component: before 2026 it is not handed down from the root.
	QoS int `json:"qos,omitempty"`
}

// place puts an entity's topics below the topic of its device and gives it an id.
func (e Entity) place(below, id string) componentJSON {
	c := e.json
	c.Platform, c.Name, c.QoS = e.Platform, e.Name, 1
	if e.Platform == trigger {
		c.Name = ""
	} else {
		c.UniqueID = id + "_" + e.Key
	}
	if e.Disabled {
		c.EnabledByDefault = new(false)
	}
	for _, topic := range []*string{&c.StateTopic, &c.AttributesTopic, &c.CommandTopic, &c.Topic} {
		if *topic != "" {
			*topic = below + "/" + *topic
		}
	}
	return c
}

// appendComponent adds a member to the object of components.
func appendComponent(payload []byte, key string, c componentJSON) []byte {
	if payload[len(payload)-1] != '{' {
		payload = append(payload, ',')
	}
	payload = append(payload, marshal(key)...)
	payload = append(payload, ':')
	return append(payload, marshal(c)...)
}

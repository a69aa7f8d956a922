package policy

import (
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
	"github.com/soffiah/habeas/internal/strictyaml"
)

// document is the file as it is written.
type document struct {
	Policy             string                   `yaml:"policy"`
	Version            string                   `yaml:"version"`
	EffectiveFrom      law.Date                 `yaml:"effective_from"`
	Demo               bool                     `yaml:"demo"`
	Controller         Controller               `yaml:"controller"`
	ComplaintAuthority Authority                `yaml:"complaint_authority"`
	Regime             string                   `yaml:"regime"`
	Calendar           string                   `yaml:"calendar"`
	Timezone           string                   `yaml:"timezone"`
	Rights             []dsr.Right              `yaml:"rights"`
	Identification     Identification           `yaml:"identification"`
	Confirmation       Confirmation             `yaml:"confirmation"`
	CoolingOff         map[dsr.Right]law.Period `yaml:"cooling_off"`
	Approval           map[dsr.Right]bool       `yaml:"approval"`
	Plan               Plan                     `yaml:"plan"`
	Retention          []RetentionRule          `yaml:"retention"`
	EndsWithErasure    []Words                  `yaml:"ends_with_erasure"`
	Recipients         []Recipient              `yaml:"recipients"`
	ProcessorNote      string                   `yaml:"processor_note"`
	Evidence           struct {
		Keep law.Period `yaml:"keep"`
	} `yaml:"evidence"`
	ReadBack struct {
		AgainAfter []law.Period `yaml:"again_after"`
	} `yaml:"readback"`
	Backups struct {
		GoneAfter law.Period `yaml:"gone_after"`
	} `yaml:"backups"`
}

// safe is what holds where a policy says nothing.
func safe() document {
	var d document
	d.Confirmation = Confirmation{
		Required:        map[dsr.Right]bool{dsr.Erasure: true},
		ReminderAfter:   law.Days(5),
		ExpiresAfter:    law.Days(21),
		MinimumReplyAge: law.Period{Clock: 5 * time.Second},
	}
	d.CoolingOff = map[dsr.Right]law.Period{dsr.Erasure: law.Hours(72)}
	d.Approval = map[dsr.Right]bool{dsr.Erasure: true}
	d.Plan = Plan{Tolerance: Tolerance{Rows: 10, Percent: 10}, TwoPeopleAbove: 10_000}
	d.Evidence.Keep = law.Period{Years: 3}
	d.ReadBack.AgainAfter = []law.Period{law.Days(1), law.Days(30)}
	return d
}

// Parse reads a policy. name is how errors call the file. The error is
// [strictyaml.Problems]: everything that is wrong, at once.
func Parse(name string, data []byte) (*Policy, error) {
	file := strictyaml.Open(name, data)
	p := &Policy{doc: safe(), digest: digestOf(data)}
	file.Decode(&p.doc)
	p.validate(file)
	if err := file.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Package policy is what a controller has promised and decided about the data
// it holds: who it is, which rights it offers, what identifies a person, what
// must be confirmed and approved, how long each kind of data is kept and why.
//
// A policy is a YAML file that a person who is no programmer can read. It is
// read strictly ([Parse]) into an immutable [Policy]. What it leaves out has
// the safe value: erasure is confirmed by a reply, cools off for 72 hours and is
// approved by a person. A policy that wants less must say so in writing.
//
// A controller's policy changes over the years. All versions are kept in a
// [Set], because a request is judged under the version in force when it was
// received; [Stricter] says where a later version asks for more, so that a
// person can be asked.
package policy

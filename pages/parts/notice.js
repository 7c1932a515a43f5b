// A notice with a button. What is pressed is told to Python; a message alone could not carry a function here.
export default {
  props: { options: Object, action: String },
  mounted() {
    this.dismiss = Quasar.Notify.create({
      ...this.options,
      actions: [{ label: this.action, noCaps: true, handler: () => this.$emit("pressed") }],
      onDismiss: () => this.$emit("dismissed"),
    });
  },
  template: "<span hidden></span>",
};

// The sites as a row of buttons: those that are pressed are shown, the others faded.

function startSites() {
  const box = byId("sites");
  plan.sites.forEach((site, index) => {
    const used = tasksAt[index] || plan.transfers.some((transfer) => transfer.from === index);
    if (!used && plan.sites.length > 12) return;
    const about = [site.jurisdiction, tasksAt[index] ? count(tasksAt[index], "task") : "no task"].filter(Boolean).join(", ");
    const chip = make("button", {
      type: "button",
      class: `chip ${siteClass(index)}`,
      "aria-pressed": "false",
      title: site.clearance ? `cleared for ${site.clearance}${site.confidential ? ", offers confidential compute" : ""}; ${amount("money", site.price)} a CPU hour; ${plain(site.carbon)} g CO₂e a kWh` : "",
      on: {
        click: () => {
          if (!choice.sites.delete(index)) choice.sites.add(index);
          chip.setAttribute("aria-pressed", String(choice.sites.has(index)));
          choice.changed();
        },
      },
    }, make("i", { class: "dot", "aria-hidden": "true" }), site.name, make("small", {}, about));
    box.append(chip);
  });
}
